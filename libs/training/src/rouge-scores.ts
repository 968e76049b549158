/** F1 of what a text has in common with the one that it should be, each from 0 to 1. */
export interface RougeScores {
  /** Of words. */
  readonly rouge1: number;
  /** Of pairs of neighbouring words. */
  readonly rouge2: number;
  /** Of the longest common subsequence of words. */
  readonly rougeL: number;
}

/**
 * ROUGE (Lin 2004), as Google's `rouge_score` computes it without stemming: words are runs of the letters a to z and of digits,
 * in lower case. A text in another script has none, and scores 0.
 */
export function rougeScores(target: string, prediction: string): RougeScores {
  const [expected, found] = [wordsOf(target), wordsOf(prediction)];
  return {
    rouge1: ngramScore(expected, found, 1),
    rouge2: ngramScore(expected, found, 2),
    rougeL: f1(commonLength(expected, found), expected.length, found.length),
  };
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}

function ngramScore(expected: readonly string[], found: readonly string[], size: number): number {
  const left = ngrams(expected, size);
  let common = 0;
  for (const [ngram, count] of ngrams(found, size)) common += Math.min(count, left.get(ngram) ?? 0);
  const countOf = (words: readonly string[]): number => Math.max(0, words.length - size + 1);
  return f1(common, countOf(expected), countOf(found));
}

function ngrams(words: readonly string[], size: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let start = 0; start + size <= words.length; start++) {
    const ngram = words.slice(start, start + size).join(' ');
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}

function f1(common: number, expectedCount: number, foundCount: number): number {
  if (common === 0) return 0;
  const [precision, recall] = [common / foundCount, common / expectedCount];
  return (2 * precision * recall) / (precision + recall);
}

/** Length of the longest common subsequence; a row of the table at a time. */
function commonLength(left: readonly string[], right: readonly string[]): number {
  let above = new Uint32Array(right.length + 1);
  for (const word of left) {
    const row = new Uint32Array(right.length + 1);
    right.forEach((other, index) => {
      row[index + 1] = word === other ? (above[index] ?? 0) + 1 : Math.max(above[index + 1] ?? 0, row[index] ?? 0);
    });
    above = row;
  }
  return above[right.length] ?? 0;
}
