import { Split } from '@pemmican/contract/vocabulary';
import type { Evaluation } from '@pemmican/contract/trainer';

import { formatCount, formatMetric } from './units.ts';

/** A split's name as the command's options say it. */
export function splitName(split: Split): 'train' | 'validation' | 'test' | 'unspecified' {
  switch (split) {
    case Split.TRAIN:
      return 'train';
    case Split.VALIDATION:
      return 'validation';
    case Split.TEST:
      return 'test';
    case Split.UNSPECIFIED:
      return 'unspecified';
  }
}

/** The metric that tells an evaluation in one number: F1 of entities or answers, accuracy, Pearson's correlation for regression, a language model's perplexity. */
export function headlineMetric(evaluation: Evaluation): { readonly name: string; readonly value: number } {
  if (evaluation.precision !== undefined || evaluation.exactMatch !== undefined)
    return { name: 'F1', value: evaluation.f1 ?? Number.NaN };
  if (evaluation.accuracy !== undefined) return { name: 'Accuracy', value: evaluation.accuracy };
  if (evaluation.pearson !== undefined) return { name: 'Pearson', value: evaluation.pearson };
  if (evaluation.perplexity !== undefined) return { name: 'Perplexity', value: evaluation.perplexity };
  return { name: 'Loss', value: evaluation.loss };
}

/** An evaluation in one line: `accuracy 0.8120, F1 0.8100, loss 0.4210 on 1,000 validation records`. */
export function describeEvaluation(evaluation: Evaluation): string {
  const metrics: [string, number | undefined][] = [
    ['accuracy', evaluation.accuracy],
    ['exact match', evaluation.exactMatch],
    ['precision', evaluation.precision],
    ['recall', evaluation.recall],
    ['F1', evaluation.f1],
    ['Matthews', evaluation.matthewsCorrelation],
    ['Pearson', evaluation.pearson],
    ['Spearman', evaluation.spearman],
    ['perplexity', evaluation.perplexity],
    ['loss', evaluation.loss],
  ];
  const told = metrics.flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${formatMetric(value)}`]));
  return `${told.join(', ')} on ${formatCount(evaluation.recordCount)} ${splitName(evaluation.split)} records`;
}
