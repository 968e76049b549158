import type { GraphSession } from '@pemmican/graph';
import { isLanguageModeling, type Task } from '@pemmican/models';
import { makeBatch, type EncodedDataset } from './encoded-dataset.ts';
import { accuracy, f1, matthewsCorrelation, pearson, spearman, type Metric } from './metrics.ts';
import { inputFeeds, makeTaskBatch, recordsInOrder, type BatchOptions } from './task-batch.ts';
import { FETCH } from './training-program.ts';

/** Scores of a data set. */
export interface EvaluationResult {
  readonly recordCount: number;
  readonly metrics: Partial<Record<Metric, number>> & { readonly loss: number };
}

interface Scoring extends BatchOptions {
  readonly batchSize: number;
}

// Every evaluation hides the same tokens, so that losses compare.
const EVALUATION_PASS = 'evaluation';

/** Logits of each batch in order: row-major `[rowCount, labelCount]`. */
export function* predictLogits(
  session: GraphSession,
  dataset: EncodedDataset,
  scoring: Pick<Scoring, 'batchSize' | 'padId'>,
): Generator<{ rowCount: number; logits: Float32Array }> {
  for (const records of recordsInOrder(dataset.recordCount, scoring.batchSize)) {
    const batch = makeBatch(dataset, records, scoring.padId);
    const [logits] = session.run(inputFeeds(batch), [FETCH.evaluationLogits]);
    if (logits?.dtype !== 'float32') throw new TypeError('Logits are not float32');
    yield { rowCount: batch.rowCount, logits: logits.data };
  }
}

/** Evaluates the weights that are in the session. Calls `onBatch` between batches, so that the caller can breathe. */
export async function evaluate(
  session: GraphSession,
  dataset: EncodedDataset,
  labelCount: number,
  scoring: Scoring,
  onBatch: () => Promise<void> = () => Promise.resolve(),
): Promise<EvaluationResult> {
  const isClassifying = !isLanguageModeling(scoring.task);
  const predicted = new Float64Array(isClassifying ? dataset.recordCount : 0);
  let [row, lossSum, itemCount] = [0, 0, 0];
  for (const records of recordsInOrder(dataset.recordCount, scoring.batchSize)) {
    const batch = makeTaskBatch(dataset, records, scoring, EVALUATION_PASS);
    const fetches = isClassifying ? [FETCH.evaluationLoss, FETCH.evaluationLogits] : [FETCH.evaluationLoss];
    const [loss, logits] = session.run(batch.feeds, fetches);
    lossSum += (loss?.data[0] ?? NaN) * batch.itemCount;
    itemCount += batch.itemCount;
    for (let index = 0; isClassifying && index < records.length; index++) {
      const scores = logits?.data.subarray(index * labelCount, (index + 1) * labelCount) ?? new Float32Array();
      predicted[row++] = scoring.task === 'regression' ? (scores[0] ?? NaN) : largestIndex(scores);
    }
    await onBatch();
  }
  const loss = lossSum / itemCount;
  return {
    recordCount: dataset.recordCount,
    metrics: { loss, ...scores(scoring.task, loss, predicted, dataset.labels, labelCount) },
  };
}

/** A task's metrics beside the loss. */
function scores(
  task: Task,
  loss: number,
  predicted: Float64Array,
  labels: Float64Array,
  labelCount: number,
): Partial<Record<Metric, number>> {
  switch (task) {
    case 'masked-lm':
    case 'causal-lm':
      return { perplexity: Math.exp(loss) };
    case 'regression':
      return { pearson: pearson(predicted, labels), spearman: spearman(predicted, labels) };
    case 'sequence-classification':
      return {
        accuracy: accuracy(predicted, labels),
        f1: f1(predicted, labels, labelCount),
        matthews_correlation: matthewsCorrelation(predicted, labels, labelCount),
      };
  }
}

/** Index of the largest score, the first of equal ones. */
function largestIndex(scores: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < scores.length; index++)
    if ((scores[index] ?? -Infinity) > (scores[best] ?? -Infinity)) best = index;
  return best;
}
