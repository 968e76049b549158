import { VocabularyError } from './error.ts';
import type { TokenCounter } from './token-counter.ts';

export interface SelectionOptions {
  /** Rows of the model's embedding matrix; may be more than the tokenizer has ids. */
  readonly modelVocabSize: number;
  /** Counts over all splits that the run will read. */
  readonly counts: TokenCounter;
  /** Ids that are kept whether they occur or not: special and added tokens, pad, unk, mask, those that the user names. */
  readonly alwaysKept: Iterable<number>;
  /** The number of rows becomes a multiple of this. */
  readonly padToMultipleOf?: number;
  /** Ids that occur fewer times are dropped. Lossy. */
  readonly minCount?: number;
  /** At most this many rows before padding: the most frequent ones. Lossy. */
  readonly maxRows?: number;
}

/** Which rows are kept, and what that loses. */
export interface Selection {
  /** Ascending full token ids. */
  readonly keptTokenIds: Uint32Array;
  /** Ids that occur but were dropped by `minCount` or `maxRows`, and did not come back as padding. */
  readonly droppedTokenCount: number;
  readonly droppedOccurrenceCount: number;
  /** Rows that were added to reach the multiple. */
  readonly paddingRowCount: number;
}

/**
 * Selects rows: every id that occurs and every id that is always kept (arXiv 2309.08708, section 3, with the special
 * tokens that its code leaves to chance).
 * @throws VocabularyError TOKENIZER_TOO_LARGE for an id that the matrix has no row for, INVALID_OPTION
 */
export function selectKeptTokenIds(options: SelectionOptions): Selection {
  const { modelVocabSize, counts, minCount = 0, maxRows = 0, padToMultipleOf = 0 } = options;
  checkOption('minCount', minCount);
  checkOption('maxRows', maxRows);
  checkOption('padToMultipleOf', padToMultipleOf);
  const kept = new Set<number>();
  for (const id of options.alwaysKept) kept.add(checkedId(id, modelVocabSize));
  if (maxRows > 0 && kept.size > maxRows)
    throw new VocabularyError(
      'INVALID_OPTION',
      `maxRows ${maxRows} is less than the ${kept.size} ids that are always kept`,
    );
  const occurring = [...counts.entries()];
  for (const [id] of occurring) checkedId(id, modelVocabSize);
  const candidates = occurring.filter(([id, count]) => !kept.has(id) && count >= minCount).sort(byFrequency);
  const room = maxRows > 0 ? maxRows - kept.size : candidates.length;
  for (const [id] of candidates.slice(0, room)) kept.add(id);
  const paddingRowCount = padRows(kept, occurring, modelVocabSize, padToMultipleOf);
  const dropped = occurring.filter(([id]) => !kept.has(id));
  return {
    keptTokenIds: Uint32Array.from(kept).sort(),
    droppedTokenCount: dropped.length,
    droppedOccurrenceCount: dropped.reduce((sum, [, count]) => sum + count, 0),
    paddingRowCount,
  };
}

/** The most frequent first; of equals the lowest id, so that the choice is reproducible. */
function byFrequency([idA, a]: readonly [number, number], [idB, b]: readonly [number, number]): number {
  return b - a || idA - idB;
}

/** Fills up to a multiple with the most frequent dropped ids, then the lowest unused ones; less when there are no more. */
function padRows(
  kept: Set<number>,
  occurring: readonly (readonly [number, number])[],
  modelVocabSize: number,
  multiple: number,
): number {
  if (multiple <= 1) return 0;
  const before = kept.size;
  const target = Math.min(modelVocabSize, Math.ceil(kept.size / multiple) * multiple);
  const dropped = occurring.filter(([id]) => !kept.has(id));
  for (const [id] of dropped.sort(byFrequency)) {
    if (kept.size >= target) break;
    kept.add(id);
  }
  for (let id = 0; kept.size < target; id++) kept.add(id);
  return kept.size - before;
}

function checkOption(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new VocabularyError('INVALID_OPTION', `${name} is ${value}, expected an integer of at least 0`);
}

function checkedId(id: number, modelVocabSize: number): number {
  if (Number.isInteger(id) && id >= 0 && id < modelVocabSize) return id;
  throw new VocabularyError(
    'TOKENIZER_TOO_LARGE',
    `Token id ${id} has no row: the model's embedding matrix has ${modelVocabSize} rows`,
  );
}
