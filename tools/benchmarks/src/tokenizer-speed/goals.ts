import { isExact, median, OURS, type Measurement, type Rates } from './measurement.ts';
import { REFERENCE } from './peers.ts';

export type Task = 'count' | 'encode';

/** pemmican beside the reference and the fastest exact peer, for one tokenizer, corpus and number of threads. */
export interface Comparison {
  readonly tokenizer: string;
  readonly corpus: string;
  readonly threadCount: number;
  readonly task: Task;
  readonly ours: number;
  readonly reference: number;
  readonly fastestPeer: { readonly program: string; readonly rate: number } | undefined;
  readonly differences: number;
}

const coldRate = (rates: Rates): number => median(rates.coldWall);

export function compareAll(measurements: readonly Measurement[]): Comparison[] {
  const comparisons: Comparison[] = [];
  for (const ours of measurements.filter((each) => each.program === OURS)) {
    const beside = measurements.filter(
      (each) =>
        each.tokenizer === ours.tokenizer && each.corpus === ours.corpus && each.threadCount === ours.threadCount,
    );
    const reference = beside.find((each) => each.program === REFERENCE);
    const exact = beside.filter((each) => each !== ours && each !== reference && isExact(each));
    for (const task of ['count', 'encode'] as const) {
      const [fastest] = exact
        .map((each) => ({ program: each.program, rate: coldRate(each[task]) }))
        .filter((each) => !Number.isNaN(each.rate))
        .sort((a, b) => b.rate - a.rate);
      comparisons.push({
        tokenizer: ours.tokenizer,
        corpus: ours.corpus,
        threadCount: ours.threadCount,
        task,
        ours: coldRate(ours[task]),
        reference: reference === undefined ? NaN : coldRate(reference[task]),
        fastestPeer: fastest,
        differences: ours.differingRecordCount + ours.differingIdCount,
      });
    }
  }
  return comparisons;
}

// Merging whole lines (Gemma) and searching the best of all segmentations (Unigram) have less to be remembered.
const HARDER = ['gemma3', 'gemini', 'multilingual-e5-small'];

/** How many times the reference's rate a program is to have. */
export function goalOf(tokenizer: string, corpus: string, task: Task): number {
  const isEnglish = corpus === 'english';
  if (task === 'encode') return isEnglish ? 10 : 6;
  if (HARDER.includes(tokenizer)) return isEnglish ? 15 : 8;
  return isEnglish ? 20 : 10;
}

/** Lines of Markdown that say which goals are met. */
export function goalLines(measurements: readonly Measurement[]): string[] {
  const comparisons = compareAll(measurements);
  const lines: string[] = [];
  const name = (each: Comparison): string =>
    `${each.tokenizer}, ${each.threadCount} ${each.threadCount === 1 ? 'thread' : 'threads'}`;
  const verdict = (goal: string, all: readonly string[], missed: readonly string[]): void => {
    if (all.length === 0) return;
    const met = all.length - missed.length;
    const state =
      missed.length === 0
        ? `met in all ${all.length}`
        : `met in ${met} of ${all.length}; missed by ${missed.join('; ')}`;
    lines.push(`- **${goal}**: ${state}.`);
  };
  for (const corpus of new Set(comparisons.map((each) => each.corpus)))
    for (const task of ['count', 'encode'] as const) {
      const own = comparisons.filter((each) => each.corpus === corpus && each.task === task);
      for (const goal of [...new Set(own.map((each) => goalOf(each.tokenizer, corpus, task)))].sort((a, b) => b - a)) {
        const concerned = own.filter((each) => goalOf(each.tokenizer, corpus, task) === goal);
        const missed = concerned.filter((each) => !(each.ours / each.reference >= goal));
        verdict(
          `${task === 'count' ? 'Counting' : 'Encoding'} at least ${goal} times ${REFERENCE}, ${corpus}, cold`,
          concerned.map(name),
          missed.map((each) => `${name(each)} (${(each.ours / each.reference).toFixed(1)} x)`),
        );
      }
      if (task === 'encode') continue;
      const withPeer = own.filter((each) => each.fastestPeer !== undefined);
      const slower = withPeer.filter((each) => each.ours < LEVEL * (each.fastestPeer?.rate ?? 0));
      verdict(
        `Counting level (at least ${LEVEL} of it) with the fastest exact peer, ${corpus}, cold`,
        withPeer.map(name),
        slower.map(
          (each) =>
            `${name(each)} (${(each.ours / (each.fastestPeer?.rate ?? NaN)).toFixed(2)} of ${each.fastestPeer?.program})`,
        ),
      );
    }
  const differing = comparisons.filter((each) => each.differences !== 0);
  verdict(
    'No id and no count differs from the reference',
    comparisons.map(name),
    differing.map((each) => `${name(each)}, ${each.corpus}: ${each.differences}`),
  );
  return lines;
}

// Rates of the same program move by more than this from round to round on a machine that does other work.
const LEVEL = 0.95;
