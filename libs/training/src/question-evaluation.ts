import type { GraphSession } from '@pemmican/graph';
import { sliceCodePoints } from '@pemmican/tokenizer';
import { predictAnswer, type AnswerChoice, type PredictedAnswer, type WindowLogits } from './answer-prediction.ts';
import { answerScores } from './answer-scores.ts';
import type { EncodedDataset } from './encoded-dataset.ts';
import { TrainingError } from './error.ts';
import type { Metric } from './metrics.ts';
import type { QuestionWindows } from './question-windows.ts';
import { makeTaskBatch, recordsInOrder } from './task-batch.ts';
import { FEED, FETCH } from './program-feeds.ts';

interface QuestionScoring {
  readonly batchSize: number;
  readonly padId: number;
  readonly choice: AnswerChoice;
}

/** The answer to a question, and what it was made of. */
export interface AnsweredQuestion extends PredictedAnswer {
  /** Empty where there is no answer. */
  readonly text: string;
  readonly windows: readonly WindowLogits[];
}

/** Answers to the questions of a data set in their order. */
export function* answerQuestions(
  session: GraphSession,
  dataset: EncodedDataset,
  scoring: QuestionScoring,
  onLoss?: (loss: number, windowCount: number) => void,
): Generator<AnsweredQuestion> {
  const questions = questionsOf(dataset);
  let [question, pending]: [number, WindowLogits[]] = [0, []];
  const finish = (): AnsweredQuestion => {
    const context = questions.contexts[question] ?? '';
    const answer = predictAnswer(pending, { ...scoring.choice, allowsUnanswered: questions.allowsUnanswered });
    const result = { ...answer, text: sliceCodePoints(context, answer.start, answer.end), windows: pending };
    [question, pending] = [question + 1, []];
    return result;
  };
  for (const windows of recordsInOrder(dataset.recordCount, scoring.batchSize)) {
    const options = { task: 'question-answering', padId: scoring.padId, seed: 0 } as const;
    const { batch, feeds } = makeTaskBatch(dataset, windows, options, 'evaluation');
    const { [FEED.labels]: _, ...inputs } = feeds;
    const [logits, loss] =
      onLoss === undefined
        ? session.run(inputs, [FETCH.evaluationLogits])
        : session.run(feeds, [FETCH.evaluationLogits, FETCH.evaluationLoss]);
    if (logits?.dtype !== 'float32') throw new TypeError('Logits are not float32');
    onLoss?.(loss?.data[0] ?? NaN, batch.rowCount);
    for (const [row, window] of windows.entries()) {
      // All windows of the questions before this one's are there.
      while (question < (questions.windowQuestions[window] ?? 0)) yield finish();
      pending.push(windowLogits(dataset, questions, window, logits.data, { row, ...batch }));
    }
  }
  while (question < questions.contexts.length) yield finish();
}

/** Loss of the windows, exact match and F1 of the answers. */
export async function evaluateQuestions(
  session: GraphSession,
  dataset: EncodedDataset,
  scoring: QuestionScoring,
  onBatch: () => Promise<void>,
): Promise<Partial<Record<Metric, number>> & { readonly loss: number }> {
  const { answers, allowsUnanswered } = questionsOf(dataset);
  let lossSum = 0;
  const texts: string[] = [];
  const answered = answerQuestions(session, dataset, scoring, (loss, windowCount) => {
    lossSum += loss * windowCount;
  });
  for (const { text } of answered) {
    texts.push(text);
    await onBatch();
  }
  return { loss: lossSum / dataset.recordCount, ...answerScores(texts, answers, allowsUnanswered) };
}

function questionsOf({ questions }: EncodedDataset): QuestionWindows {
  if (questions === undefined) throw new TrainingError('INVALID_DATA', 'The records are no windows of questions');
  return questions;
}

/** A window's part of a batch's logits `[2 * rowCount, length]`, without its padding. */
function windowLogits(
  { offsets }: EncodedDataset,
  { tokenStarts, tokenEnds }: QuestionWindows,
  window: number,
  logits: Float32Array,
  { row, rowCount, length }: { readonly row: number; readonly rowCount: number; readonly length: number },
): WindowLogits {
  const [first = 0, end = 0] = [offsets[window], offsets[window + 1]];
  const part = (from: number): Float32Array => logits.slice(from * length, from * length + end - first);
  return {
    starts: tokenStarts.subarray(first, end),
    ends: tokenEnds.subarray(first, end),
    startLogits: part(row),
    endLogits: part(rowCount + row),
  };
}
