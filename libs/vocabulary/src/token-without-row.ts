import type { FastEncoder, RecordBlock, Tokenizer } from '@pemmican/tokenizer';

/**
 * Says that a token of the data has no row. A tokenizer may well have such tokens, as Gemma 3's has one id more than the text
 * models of its family have rows: they matter only where they occur.
 */
export function describeTokenWithoutRow(tokenizer: Tokenizer, fullTokenId: number, rowCount: number): string {
  const token = JSON.stringify(tokenizer.idToToken(fullTokenId) ?? null);
  return `token id ${fullTokenId} (${token}) has no row: the embedding matrix has ${rowCount} rows`;
}

/** The first record of a block that has an id without a row; undefined where none has. */
export function findTokenWithoutRow(
  encoder: FastEncoder,
  block: RecordBlock,
  rowCount: number,
): { readonly recordIndex: number; readonly fullTokenId: number } | undefined {
  const { ids, recordOffsets } = encoder.encode(block);
  const position = ids.findIndex((id) => id >= rowCount);
  if (position < 0) return undefined;
  // The first offset past the position ends its record.
  const recordIndex = recordOffsets.findIndex((offset) => offset > position) - 1;
  return { recordIndex, fullTokenId: ids[position] ?? 0 };
}
