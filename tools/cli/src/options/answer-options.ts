import type { Command } from 'commander';

import { integer, number, unsigned } from './value-parsers.ts';

// The trainer's limit.
const MAX_BEST_SIZE = 1000;

/** How answers to questions are chosen, named and defaulted as in transformers' run_qa.py. */
export interface AnswerOptions {
  readonly nBestSize?: number;
  readonly maxAnswerLength?: number;
  readonly nullScoreDiffThreshold?: number;
}

/** Adds the options that say how answers are chosen. */
export function addAnswerOptions(command: Command): Command {
  return command
    .option(
      '--n-best-size <n>',
      'in question-answering, starts and ends whose pairs are looked at, so many of each (default: 20)',
      integer(1, MAX_BEST_SIZE),
    )
    .option('--max-answer-length <tokens>', 'in question-answering, longest answer (default: 30)', unsigned(1))
    .option(
      '--null-score-diff-threshold <value>',
      'with --version-2-with-negative, no answer is told where its score is better than the best one by more (default: 0)',
      number(-Number.MAX_VALUE),
    );
}
