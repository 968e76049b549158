interface ReadmeFacts {
  /** Reduced id of the unknown token. */
  readonly unkTokenId: number | undefined;
  readonly coversWholeRecords: boolean;
}

/**
 * What a reduced tokenizer does with text that was counted and with other text, for who finds it in a folder.
 * @param json the tokenizer
 * @param rowCount rows of the reduced embedding matrix
 */
export function reducedTokenizerReadme(
  json: Readonly<Record<string, unknown>>,
  rowCount: number,
  facts: ReadmeFacts,
): string {
  const { vocab } = json['model'] as { readonly vocab: Readonly<Record<string, number>> | unknown[] };
  const ids: readonly number[] = Array.isArray(vocab) ? [...vocab.keys()] : Object.values(vocab);
  const idCount = ids.reduce((count, id) => Math.max(count, id + 1), 0);
  const lines = [
    '# Reduced tokenizer',
    '',
    `Ids 0 to ${rowCount - 1} are the rows of the reduced embedding matrix in the folder above. On the records that were`,
    'counted, cut to the same length, this tokenizer gives exactly these ids. Training with the folder above needs it; the',
    'restored model has all of its rows again and uses the original tokenizer.',
    '',
    ...(idCount > rowCount ? pastRows(rowCount, idCount, facts) : [UNKNOWN_ONLY]),
  ];
  return `${lines.join('\n')}\n`;
}

const UNKNOWN_ONLY =
  'On other text, pieces that have no row are replaced by smaller ones that have, or by the unknown token.';

function pastRows(rowCount: number, idCount: number, facts: ReadmeFacts): string[] {
  const { unkTokenId, coversWholeRecords } = facts;
  return [
    `It has ${idCount - rowCount} more tokens, ids ${rowCount} to ${idCount - 1}, **which have no row**: do not resize the`,
    'embedding matrix to `len(tokenizer)`.',
    coversWholeRecords
      ? 'Merges pass through these tokens on their way to those of the counted records, and never end with them there.'
      : 'Some counted records were cut or have tokens that were dropped, and the words that a cut goes through need these tokens.',
    '',
    `On other text such an id can come out. \`max(input_ids) < ${rowCount}\` says whether one did; a model that is given one`,
    unkTokenId === undefined
      ? 'fails with an index that is out of range. The tokenizer has no unknown token to take its place: leave the record out, or\ncount it too before reducing.'
      : `fails with an index that is out of range. Put id ${unkTokenId}, the unknown token, in its place, as pemmican does when it is told to.`,
    unkTokenId === undefined
      ? 'Characters that no counted record has come out as such ids too; none is lost.'
      : 'Characters that no token here has come out as the unknown token.',
  ];
}
