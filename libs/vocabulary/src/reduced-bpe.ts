import { VocabularyError } from './error.ts';
import type { FieldReader } from './field-reader.ts';
import type { TokenIdMap } from './token-id-map.ts';

type JsonObject = Readonly<Record<string, unknown>>;

// A pair of ids as one number is exact: ids are below 2^26.
const ID_LIMIT = 2 ** 26;
const BYTE_TOKEN = /^<0x[0-9A-F]{2}>$/;

interface Merge {
  /** Place in the list of merges: the lowest goes first. */
  readonly rank: number;
  readonly mergedId: number;
}

/**
 * A BPE model with the kept tokens at their rows, the merges that lead to them, and the tokens that these merges pass
 * through at ids past the rows; or, where other tokens are kept too, with every token and merge.
 *
 * Within a word, the symbols that end up as one token are merged as they would be alone: no merge reaches over its border,
 * and of what is left the lowest rank goes first either way. So the merges that make each kept token out of its characters
 * are all that the words of kept tokens ever see, and without the others nothing comes in between.
 * @param added tokens beside the model with the rows that are theirs
 * @param keepsOtherTokens tokens without a row stay as well, past the rows
 * @throws VocabularyError INVALID_TOKENIZER, UNSUPPORTED_TOKENIZER, INVALID_TOKEN_IDS
 */
export function reduceBpe(
  model: JsonObject,
  reader: FieldReader,
  tokenIdMap: TokenIdMap,
  added: readonly { readonly content: string; readonly id: number }[],
  fileName: string,
  keepsOtherTokens: boolean,
): JsonObject {
  for (const field of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    const affix = reader.get(field) ?? '';
    if (affix !== '')
      throw new VocabularyError(
        'UNSUPPORTED_TOKENIZER',
        `${fileName}: a BPE tokenizer with ${field} ${JSON.stringify(affix)} cannot be reduced`,
      );
  }
  const vocabulary = readVocabulary(reader);
  const { merges, isEntry } = readMerges(reader, vocabulary, fileName);
  const kept = [...vocabulary].filter(([, id]) => tokenIdMap.toReducedId(id) >= 0);
  const ways = new MergeWays(vocabulary, merges);
  if (keepsOtherTokens) for (const id of vocabulary.values()) ways.passedIds.add(id);
  else for (const [token, id] of kept) ways.add(token, id);
  const unkToken = reader.get('unk_token') ?? undefined;
  if (unkToken === undefined) {
    // Characters that no kept token has would be lost without a trace; so they show, as ids without a row.
    for (const [token, id] of vocabulary) if (isCharacter(token) || BYTE_TOKEN.test(token)) ways.passedIds.add(id);
  } else if (!kept.some(([token]) => token === unkToken)) {
    throw new VocabularyError(
      'INVALID_TOKEN_IDS',
      `${fileName}: model.unk_token needs token ${JSON.stringify(unkToken)}, which is not among the ${tokenIdMap.reducedVocabSize} kept token ids`,
    );
  }
  const reduced: [string, number][] = kept.map(([token, id]) => [token, tokenIdMap.toReducedId(id)]);
  for (const { content, id } of added) if (!vocabulary.has(content)) reduced.push([content, id]);
  let nextId = tokenIdMap.reducedVocabSize;
  for (const [token, id] of [...vocabulary].sort(([, a], [, b]) => a - b))
    if (ways.passedIds.has(id) && tokenIdMap.toReducedId(id) < 0) reduced.push([token, nextId++]);
  return {
    ...model,
    vocab: Object.fromEntries(reduced.sort(([, a], [, b]) => a - b)),
    merges: reader.list('merges').filter((_, rank) => isEntry(rank) && (keepsOtherTokens || ways.ranks.has(rank))),
  };
}

/** Finds the merges that lead from characters to tokens. */
class MergeWays {
  readonly ranks = new Set<number>();
  /** Ids of characters and tokens on the way. */
  readonly passedIds = new Set<number>();
  readonly #vocabulary: ReadonlyMap<string, number>;
  readonly #merges: ReadonlyMap<number, Merge>;

  constructor(vocabulary: ReadonlyMap<string, number>, merges: ReadonlyMap<number, Merge>) {
    this.#vocabulary = vocabulary;
    this.#merges = merges;
  }

  /** Adds the way to a token. One that merges do not lead to (a byte's, one that is found whole) needs none. */
  add(token: string, id: number): void {
    const symbols: number[] = [];
    for (const character of token) {
      const symbol = this.#vocabulary.get(character);
      if (symbol === undefined) return;
      symbols.push(symbol);
    }
    const passed = [...symbols];
    const ranks: number[] = [];
    for (let best = this.#lowest(symbols); best !== undefined; best = this.#lowest(symbols)) {
      const { position, merge } = best;
      symbols.splice(position, 2, merge.mergedId);
      passed.push(merge.mergedId);
      ranks.push(merge.rank);
    }
    if (symbols.length !== 1 || symbols[0] !== id) return;
    for (const rank of ranks) this.ranks.add(rank);
    for (const passedId of passed) this.passedIds.add(passedId);
  }

  /** The merge of the lowest rank, of equals the leftmost. */
  #lowest(symbols: readonly number[]): { position: number; merge: Merge } | undefined {
    let best: { position: number; merge: Merge } | undefined;
    for (let position = 0; position + 1 < symbols.length; position++) {
      const merge = this.#merges.get(pairKey(symbols[position] ?? 0, symbols[position + 1] ?? 0));
      if (merge !== undefined && (best === undefined || merge.rank < best.merge.rank)) best = { position, merge };
    }
    return best;
  }
}

function pairKey(left: number, right: number): number {
  return left * ID_LIMIT + right;
}

function isCharacter(token: string): boolean {
  const [, second] = token;
  return token !== '' && second === undefined;
}

function readVocabulary(reader: FieldReader): Map<string, number> {
  const vocab = reader.get('vocab');
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) reader.fail('vocab', 'an object');
  const vocabulary = new Map<string, number>();
  for (const [token, id] of Object.entries(vocab as JsonObject)) {
    if (!(typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < ID_LIMIT))
      reader.fail('vocab', `ids that are integers from 0 to ${ID_LIMIT - 1}`);
    vocabulary.set(token, id);
  }
  return vocabulary;
}

/** Merges by pair; `isEntry` tells those that count from lines that say a version, and from ones that a later one repeats. */
function readMerges(
  reader: FieldReader,
  vocabulary: ReadonlyMap<string, number>,
  fileName: string,
): { merges: Map<number, Merge>; isEntry: (rank: number) => boolean } {
  const merges = new Map<number, Merge>();
  reader.list('merges').forEach((entry, rank) => {
    if (typeof entry === 'string' && entry.startsWith('#version')) return;
    const parts: unknown = typeof entry === 'string' ? entry.split(' ') : entry;
    const [left, right, more] = Array.isArray(parts) ? (parts as unknown[]) : [];
    if (typeof left !== 'string' || typeof right !== 'string' || more !== undefined)
      return reader.fail('merges', 'a list of pairs of tokens');
    if (BYTE_TOKEN.test(left) || BYTE_TOKEN.test(right))
      throw new VocabularyError(
        'UNSUPPORTED_TOKENIZER',
        `${fileName}: a BPE tokenizer that merges byte tokens (${left} ${right}) cannot be reduced`,
      );
    const [leftId, rightId, mergedId] = [left, right, left + right].map((token) => vocabulary.get(token));
    if (leftId === undefined || rightId === undefined || mergedId === undefined)
      return reader.fail('merges', `merges whose tokens are in the vocabulary, unlike ${JSON.stringify(entry)}`);
    merges.set(pairKey(leftId, rightId), { rank, mergedId });
  });
  const counting = new Set([...merges.values()].map(({ rank }) => rank));
  return { merges, isEntry: (rank) => counting.has(rank) };
}
