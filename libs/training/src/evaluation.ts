import type { GraphSession } from '@pemmican/graph';
import { isLanguageModeling, type Task } from '@pemmican/models';
import type { EncodedDataset } from './encoded-dataset.ts';
import { entityScores } from './entity-scores.ts';
import { accuracy, f1, matthewsCorrelation, pearson, spearman, type Metric } from './metrics.ts';
import { DEFAULT_ANSWER_CHOICE, type AnswerChoice } from './answer-prediction.ts';
import { evaluateQuestions } from './question-evaluation.ts';
import { makeTaskBatch, recordsInOrder, type BatchOptions } from './task-batch.ts';
import { FEED, FETCH } from './program-feeds.ts';
import { NO_LABEL } from './word-labels.ts';

/** Scores of a data set. */
export interface EvaluationResult {
  readonly recordCount: number;
  readonly metrics: Partial<Record<Metric, number>> & { readonly loss: number };
}

interface Scoring extends BatchOptions {
  readonly batchSize: number;
  /** Names of the classes of tokens, where they have names: what an entity is stands in them. */
  readonly labelNames?: readonly string[] | undefined;
  /** How answers to questions are chosen. */
  readonly answerChoice?: AnswerChoice | undefined;
}

// Every evaluation hides the same tokens, so that losses compare.
const EVALUATION_PASS = 'evaluation';

/**
 * Logits of each batch in order: row-major `[rowCount, labelCount]`, or `[labelled tokens, labelCount]` in token
 * classification.
 */
export function* predictLogits(
  session: GraphSession,
  dataset: EncodedDataset,
  scoring: Pick<Scoring, 'batchSize' | 'padId'> & { readonly task?: Task },
): Generator<{ rowCount: number; logits: Float32Array }> {
  const { task = 'sequence-classification', padId } = scoring;
  for (const records of recordsInOrder(dataset.recordCount, scoring.batchSize)) {
    const { batch, feeds } = makeTaskBatch(dataset, records, { task, padId, seed: 0 }, EVALUATION_PASS);
    const { [FEED.labels]: _, ...inputs } = feeds;
    const [logits] = session.run(inputs, [FETCH.evaluationLogits]);
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
  if (scoring.task === 'question-answering') {
    const choice = scoring.answerChoice ?? DEFAULT_ANSWER_CHOICE;
    const metrics = await evaluateQuestions(session, dataset, { ...scoring, choice }, onBatch);
    return { recordCount: dataset.questions?.contexts.length ?? 0, metrics };
  }
  const isClassifying = !isLanguageModeling(scoring.task);
  const expected = expectedLabels(scoring.task, dataset);
  const predicted = new Float64Array(expected.length);
  let [row, lossSum, itemCount] = [0, 0, 0];
  for (const records of recordsInOrder(dataset.recordCount, scoring.batchSize)) {
    const batch = makeTaskBatch(dataset, records, scoring, EVALUATION_PASS);
    const fetches = isClassifying ? [FETCH.evaluationLoss, FETCH.evaluationLogits] : [FETCH.evaluationLoss];
    const [loss, logits] = session.run(batch.feeds, fetches);
    lossSum += (loss?.data[0] ?? NaN) * batch.itemCount;
    itemCount += batch.itemCount;
    for (let index = 0; isClassifying && index < batch.itemCount; index++) {
      const scores = logits?.data.subarray(index * labelCount, (index + 1) * labelCount) ?? new Float32Array();
      predicted[row++] = scoring.task === 'regression' ? (scores[0] ?? NaN) : largestIndex(scores);
    }
    await onBatch();
  }
  const loss = lossSum / itemCount;
  return {
    recordCount: dataset.recordCount,
    metrics: { loss, ...scores(scoring, loss, { dataset, predicted, expected }, labelCount) },
  };
}

/** What the items that a loss is a mean over have as labels; none in language modeling, where they are not compared. */
function expectedLabels(task: Task, { labels, tokenLabels }: EncodedDataset): Float64Array {
  if (isLanguageModeling(task)) return new Float64Array();
  if (task !== 'token-classification') return labels;
  return Float64Array.from(tokenLabels?.filter((label) => label !== NO_LABEL) ?? []);
}

/** A task's metrics beside the loss. */
function scores(
  { task, labelNames }: Scoring,
  loss: number,
  found: { readonly dataset: EncodedDataset; readonly predicted: Float64Array; readonly expected: Float64Array },
  labelCount: number,
): Partial<Record<Metric, number>> {
  const { dataset, predicted, expected: labels } = found;
  switch (task) {
    case 'masked-lm':
    case 'causal-lm':
    case 'seq2seq-lm':
      return { perplexity: Math.exp(loss) };
    case 'regression':
      return { pearson: pearson(predicted, labels), spearman: spearman(predicted, labels) };
    case 'sequence-classification':
      return {
        accuracy: accuracy(predicted, labels),
        f1: f1(predicted, labels, labelCount),
        matthews_correlation: matthewsCorrelation(predicted, labels, labelCount),
      };
    case 'question-answering':
      throw new TypeError('Unreachable: answers are not scored window by window');
    case 'token-classification':
      return {
        accuracy: accuracy(predicted, labels),
        ...(labelNames === undefined
          ? {}
          : entityScores(tagsOf(dataset, labels, labelNames), tagsOf(dataset, predicted, labelNames))),
      };
  }
}

/** Names of the classes of labelled tokens, record by record. */
function tagsOf(
  { tokenLabels, offsets, recordCount }: EncodedDataset,
  classes: Float64Array,
  names: readonly string[],
): string[][] {
  let start = 0;
  return Array.from({ length: recordCount }, (_, record) => {
    const labels = tokenLabels?.subarray(offsets[record], offsets[record + 1]).filter((label) => label !== NO_LABEL);
    const end = start + (labels?.length ?? 0);
    const tags = Array.from(classes.subarray(start, end), (label) => names[label] ?? `LABEL_${label}`);
    start = end;
    return tags;
  });
}

/** Index of the largest score, the first of equal ones. */
function largestIndex(scores: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < scores.length; index++)
    if ((scores[index] ?? -Infinity) > (scores[best] ?? -Infinity)) best = index;
  return best;
}
