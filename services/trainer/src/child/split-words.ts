import { labelTokens, type EncodedDataset } from '@pemmican/training';

/** The words of a split's records. */
export interface SplitWords {
  /** By token of the split, which word of its record it is of; -1 for special tokens. */
  readonly wordIds: Int32Array;
  /** Words of each record, those that truncation cut off too. */
  readonly wordCounts: Uint32Array;
  /** Classes of all records' words, one record after another. */
  readonly wordLabels: Int32Array;
}

/** Collects the words of records. */
export class SplitWordsBuilder {
  readonly #wordIds: number[] = [];
  readonly #wordCounts: number[] = [];
  readonly #wordLabels: number[] = [];

  add(wordIds: Int32Array, wordLabels: readonly number[]): void {
    for (const wordId of wordIds) this.#wordIds.push(wordId);
    for (const label of wordLabels) this.#wordLabels.push(label);
    this.#wordCounts.push(wordLabels.length);
  }

  build(): SplitWords {
    return {
      wordIds: Int32Array.from(this.#wordIds),
      wordCounts: Uint32Array.from(this.#wordCounts),
      wordLabels: Int32Array.from(this.#wordLabels),
    };
  }
}

/** The split with the classes of its tokens; see {@link labelTokens}. */
export function labelSplit(
  dataset: EncodedDataset,
  { wordIds, wordCounts, wordLabels }: SplitWords,
  continuation?: (wordLabel: number) => number,
): EncodedDataset {
  const tokenLabels = new Int32Array(dataset.ids.length);
  let firstWord = 0;
  wordCounts.forEach((wordCount, record) => {
    const [start = 0, end = 0] = [dataset.offsets[record], dataset.offsets[record + 1]];
    const labels = wordLabels.subarray(firstWord, firstWord + wordCount);
    tokenLabels.set(labelTokens(wordIds.subarray(start, end), labels, continuation), start);
    firstWord += wordCount;
  });
  return { ...dataset, tokenLabels };
}

/** Words of a record that have tokens, ascending. */
export function wordsWithTokens(wordIds: Int32Array): number[] {
  return [...new Set(wordIds)].filter((word) => word >= 0);
}
