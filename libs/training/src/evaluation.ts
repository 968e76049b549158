import type { GraphSession } from '@pemmican/graph';
import type { Task } from '@pemmican/models';
import { makeBatch, type Batch, type EncodedDataset } from './encoded-dataset.ts';
import { accuracy, f1, matthewsCorrelation, pearson, spearman, type Metric } from './metrics.ts';
import { FEED, FETCH } from './training-program.ts';
import type { TensorValue } from '@pemmican/graph';

/** Scores of a data set. */
export interface EvaluationResult {
  readonly recordCount: number;
  readonly metrics: Partial<Record<Metric, number>> & { readonly loss: number };
}

/** Feeds that a forward pass takes. */
export function batchFeeds(batch: Batch, task: Task): Record<string, TensorValue> {
  const shape = [batch.rowCount, batch.length];
  return {
    [FEED.inputIds]: { dtype: 'int32', shape, data: batch.inputIds },
    [FEED.attentionMask]: { dtype: 'float32', shape, data: batch.attentionMask },
    [FEED.tokenTypeIds]: { dtype: 'int32', shape, data: batch.tokenTypeIds },
    [FEED.labels]:
      task === 'regression'
        ? { dtype: 'float32', shape: [batch.rowCount], data: Float32Array.from(batch.labels) }
        : { dtype: 'int32', shape: [batch.rowCount], data: Int32Array.from(batch.labels) },
  };
}

interface Scoring {
  readonly task: Task;
  readonly batchSize: number;
  readonly padId: number;
}

/** Batches of consecutive records. */
export function* batchesInOrder(dataset: EncodedDataset, batchSize: number, padId: number): Generator<Batch> {
  for (let first = 0; first < dataset.recordCount; first += batchSize) {
    const records = Uint32Array.from(
      { length: Math.min(batchSize, dataset.recordCount - first) },
      (_, index) => first + index,
    );
    yield makeBatch(dataset, records, padId);
  }
}

/** Logits of each batch in order: row-major `[rowCount, labelCount]`. */
export function* predictLogits(
  session: GraphSession,
  dataset: EncodedDataset,
  scoring: Scoring,
): Generator<{ rowCount: number; logits: Float32Array }> {
  for (const batch of batchesInOrder(dataset, scoring.batchSize, scoring.padId)) {
    const { [FEED.labels]: _, ...feeds } = batchFeeds(batch, scoring.task);
    const [logits] = session.run(feeds, [FETCH.evaluationLogits]);
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
  const predicted = new Float64Array(dataset.recordCount);
  let [row, lossSum] = [0, 0];
  for (const batch of batchesInOrder(dataset, scoring.batchSize, scoring.padId)) {
    const [loss, logits] = session.run(batchFeeds(batch, scoring.task), [FETCH.evaluationLoss, FETCH.evaluationLogits]);
    lossSum += (loss?.data[0] ?? NaN) * batch.rowCount;
    for (let index = 0; index < batch.rowCount; index++) {
      const scores = logits?.data.subarray(index * labelCount, (index + 1) * labelCount) ?? new Float32Array();
      predicted[row++] = scoring.task === 'regression' ? (scores[0] ?? NaN) : largestIndex(scores);
    }
    await onBatch();
  }
  const loss = lossSum / dataset.recordCount;
  if (scoring.task === 'regression') {
    return {
      recordCount: dataset.recordCount,
      metrics: { loss, pearson: pearson(predicted, dataset.labels), spearman: spearman(predicted, dataset.labels) },
    };
  }
  return {
    recordCount: dataset.recordCount,
    metrics: {
      loss,
      accuracy: accuracy(predicted, dataset.labels),
      f1: f1(predicted, dataset.labels, labelCount),
      matthews_correlation: matthewsCorrelation(predicted, dataset.labels, labelCount),
    },
  };
}

/** Index of the largest score, the first of equal ones. */
function largestIndex(scores: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < scores.length; index++)
    if ((scores[index] ?? -Infinity) > (scores[best] ?? -Infinity)) best = index;
  return best;
}
