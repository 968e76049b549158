import { NOT_IN_CONTEXT, type TokenPlaces } from './question-windows.ts';

/** What a model says of a window: by token, its worth as an answer's start and as its end. Padding has none. */
export interface WindowLogits extends TokenPlaces {
  readonly startLogits: Float32Array;
  readonly endLogits: Float32Array;
}

export interface AnswerOptions {
  /** The best starts and ends whose pairs are looked at, and answers that share the probability. */
  readonly nBestSize: number;
  /** In tokens. */
  readonly maxAnswerLength: number;
  /** Whether there may be no answer. */
  readonly allowsUnanswered: boolean;
  /** No answer is told where its score is better than the best answer's by more than this. */
  readonly nullScoreDiffThreshold: number;
}

/** How answers are chosen; whether there may be none, the data say. */
export type AnswerChoice = Omit<AnswerOptions, 'allowsUnanswered'>;

export const DEFAULT_ANSWER_CHOICE: AnswerChoice = { nBestSize: 20, maxAnswerLength: 30, nullScoreDiffThreshold: 0 };

/** An answer to a question. */
export interface PredictedAnswer {
  /** Where in the context, in Unicode code points; both 0 where there is no answer. */
  readonly start: number;
  readonly end: number;
  /** Probability among the best answers. */
  readonly score: number;
}

interface Candidate {
  readonly start: number;
  readonly end: number;
  /** Sum of two logits, in float32. */
  readonly score: number;
}

const isEmpty = ({ start, end }: Candidate): boolean => start >= end;

/**
 * The best answer to a question (transformers' utils_qa.py, `postprocess_qa_predictions`).
 * @param windows all of the question's
 */
export function predictAnswer(windows: readonly WindowLogits[], options: AnswerOptions): PredictedAnswer {
  const found = windows.flatMap((window) => candidatesOf(window, options));
  const none = options.allowsUnanswered ? leastNull(windows) : undefined;
  if (none !== undefined) found.push(none);
  const best = found.sort((a, b) => b.score - a.score).slice(0, options.nBestSize);
  if (none !== undefined && !best.includes(none)) best.push(none);
  // Where there must be an answer, the best one is told whatever it is.
  const answer = none === undefined ? best[0] : best.find((candidate) => candidate !== none && !isEmpty(candidate));
  const total = best.reduce((sum, { score }) => sum + Math.exp(score - (best[0]?.score ?? 0)), 0);
  const told = answer === undefined || isBetter(none, answer, options.nullScoreDiffThreshold) ? none : answer;
  // Without a token of a context there is nothing to tell.
  if (told === undefined) return { start: 0, end: 0, score: 0 };
  return { start: told.start, end: told.end, score: Math.exp(told.score - (best[0]?.score ?? 0)) / total };
}

function isBetter(none: Candidate | undefined, answer: Candidate, threshold: number): boolean {
  return none !== undefined && none.score - answer.score > threshold;
}

/** No answer, by the window that believes least in it. */
function leastNull(windows: readonly WindowLogits[]): Candidate | undefined {
  const scores = windows.map(({ startLogits, endLogits }) => sum(startLogits[0], endLogits[0]));
  return scores.length === 0 ? undefined : { start: 0, end: 0, score: Math.min(...scores) };
}

function candidatesOf(window: WindowLogits, { nBestSize, maxAnswerLength }: AnswerOptions): Candidate[] {
  const { starts, ends, startLogits, endLogits } = window;
  const candidates: Candidate[] = [];
  const lastTokens = largest(endLogits, nBestSize);
  for (const first of largest(startLogits, nBestSize)) {
    for (const last of lastTokens) {
      const [start = NOT_IN_CONTEXT, end = NOT_IN_CONTEXT] = [starts[first], ends[last]];
      if (start === NOT_IN_CONTEXT || end === NOT_IN_CONTEXT) continue;
      if (last < first || last - first + 1 > maxAnswerLength) continue;
      candidates.push({ start, end, score: sum(startLogits[first], endLogits[last]) });
    }
  }
  return candidates;
}

function sum(a = NaN, b = NaN): number {
  return Math.fround(a + b);
}

/** Positions of the largest values, largest first; of equal ones the later first, as numpy's reversed `argsort` has them. */
function largest(values: Float32Array, count: number): number[] {
  const positions = Array.from(values.keys());
  return positions.sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || b - a).slice(0, count);
}
