import { isLanguageModeling, type Task } from '@pemmican/models';

/** Metrics of each task. */
export const METRICS = {
  'sequence-classification': ['loss', 'accuracy', 'f1', 'matthews_correlation'],
  regression: ['loss', 'pearson', 'spearman'],
  'masked-lm': ['loss', 'perplexity'],
  'causal-lm': ['loss', 'perplexity'],
  'seq2seq-lm': ['loss', 'perplexity'],
  'token-classification': ['loss', 'accuracy', 'precision', 'recall', 'f1'],
  'question-answering': ['loss', 'exact_match', 'f1'],
} as const satisfies Record<Task, readonly string[]>;
/** Those of the entities that tags name, which tags without names have not. */
export const ENTITY_METRICS = ['precision', 'recall', 'f1'] as const satisfies readonly Metric[];
export type Metric = (typeof METRICS)[Task][number];

/** Whether a larger value of a metric is better. */
export function isGreaterBetter(metric: Metric): boolean {
  return metric !== 'loss' && metric !== 'perplexity';
}

/** The metric that decides for a task when none is named. */
export function defaultMetric(task: Task): Metric {
  if (isLanguageModeling(task)) return 'loss';
  if (task === 'question-answering') return 'f1';
  return task === 'regression' ? 'pearson' : 'accuracy';
}

/** Share of equal labels. */
export function accuracy(predicted: ArrayLike<number>, expected: ArrayLike<number>): number {
  let right = 0;
  for (let index = 0; index < expected.length; index++) if (predicted[index] === expected[index]) right++;
  return right / expected.length;
}

/** What happened to one label: right predictions, records that have it, predictions that name it. */
interface LabelCounts {
  readonly right: number;
  readonly expected: number;
  readonly predicted: number;
}

function countLabels(predicted: ArrayLike<number>, expected: ArrayLike<number>, labelCount: number): LabelCounts[] {
  const counts = Array.from({ length: labelCount }, () => ({ right: 0, expected: 0, predicted: 0 }));
  for (let index = 0; index < expected.length; index++) {
    const [expectedLabel, predictedLabel] = [counts[expected[index] ?? 0], counts[predicted[index] ?? 0]];
    if (expectedLabel !== undefined) expectedLabel.expected++;
    if (predictedLabel !== undefined) predictedLabel.predicted++;
    if (expectedLabel !== undefined && expectedLabel === predictedLabel) expectedLabel.right++;
  }
  return counts;
}

/**
 * `2 TP / (2 TP + FP + FN)` of label 1 for two labels, the mean over the labels that occur for more (scikit-learn's
 * `f1_score`, binary and macro, zero_division 0).
 */
export function f1(predicted: ArrayLike<number>, expected: ArrayLike<number>, labelCount: number): number {
  const counts = countLabels(predicted, expected, labelCount);
  const score = (label: LabelCounts): number => (2 * label.right) / (label.expected + label.predicted);
  const occurring = counts.filter((label) => label.expected + label.predicted > 0);
  if (labelCount === 2) {
    const positive = counts[1];
    return positive === undefined || positive.expected + positive.predicted === 0 ? 0 : score(positive);
  }
  return occurring.reduce((sum, label) => sum + score(label), 0) / Math.max(1, occurring.length);
}

/** Matthews correlation coefficient for any number of labels (scikit-learn's `matthews_corrcoef`; 0 where undefined). */
export function matthewsCorrelation(
  predicted: ArrayLike<number>,
  expected: ArrayLike<number>,
  labelCount: number,
): number {
  const counts = countLabels(predicted, expected, labelCount);
  const sum = (term: (label: LabelCounts) => number): number => counts.reduce((total, label) => total + term(label), 0);
  const total = expected.length;
  const covariance = sum((label) => label.right) * total - sum((label) => label.expected * label.predicted);
  const spread =
    (total * total - sum((label) => label.predicted ** 2)) * (total * total - sum((label) => label.expected ** 2));
  return spread === 0 ? 0 : covariance / Math.sqrt(spread);
}

/** Pearson correlation coefficient; NaN when one side is constant, as scipy's. */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const count = a.length;
  let [meanA, meanB] = [0, 0];
  for (let index = 0; index < count; index++) {
    meanA += (a[index] ?? 0) / count;
    meanB += (b[index] ?? 0) / count;
  }
  let [covariance, varianceA, varianceB] = [0, 0, 0];
  for (let index = 0; index < count; index++) {
    const [deltaA, deltaB] = [(a[index] ?? 0) - meanA, (b[index] ?? 0) - meanB];
    covariance += deltaA * deltaB;
    varianceA += deltaA * deltaA;
    varianceB += deltaB * deltaB;
  }
  return covariance / Math.sqrt(varianceA * varianceB);
}

/** Ranks from 1; equal values share the mean of their ranks. */
function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, index) => index).sort(
    (x, y) => (values[x] ?? 0) - (values[y] ?? 0),
  );
  const result = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end] ?? 0] === values[order[start] ?? 0]) end++;
    for (let index = start; index < end; index++) result[order[index] ?? 0] = (start + end + 1) / 2;
    start = end;
  }
  return result;
}

/** Spearman rank correlation coefficient. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return pearson(ranks(a), ranks(b));
}
