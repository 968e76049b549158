import type {
  GeneratedText,
  PredictRequest,
  PredictResponse,
  PredictedAnswer,
  PredictedWords,
} from '@pemmican/contract/trainer';

import { formatCount } from '../output/units.ts';
import { startProgress } from '../progress/progress.ts';
import { readStream } from '../services/call.ts';
import type { StageContext } from './stage.ts';

/** What a model says of a record. */
export interface RecordPrediction {
  /** `[labelCount]`; in token classification those of the words that have some, one word after another. */
  readonly logits: readonly number[];
  /** Only in token classification. */
  readonly words?: PredictedWords;
  /** Only in question answering; `logits` are then those of its windows one after another. */
  readonly answer?: PredictedAnswer;
  /** What was written, only in sequence-to-sequence language modeling, which has no logits. */
  readonly generated?: GeneratedText;
  /** Tokens of each window, only in question answering. */
  readonly windowLengths?: readonly number[];
  readonly labelNames: readonly string[];
}

/** Predictions of the records of a file, in file order. */
export interface Predictions {
  /** Only the records that the callback asked to keep. */
  readonly records: readonly RecordPrediction[];
  readonly labelNames: readonly string[];
}

/**
 * Predicts the records of a file.
 * @param onRecord - called for each record; returns whether it is kept in the result
 * @param recordLimit - stop after so many records
 */
export async function predictStage(
  request: PredictRequest,
  context: StageContext,
  onRecord: (prediction: RecordPrediction) => boolean,
  recordLimit = Number.POSITIVE_INFINITY,
): Promise<Predictions> {
  const { trainer } = context.pool;
  const progress = startProgress('Predict', context.output);
  const records: RecordPrediction[] = [];
  let labelNames: readonly string[] = [];
  let recordCount = 0;
  try {
    read: for await (const response of readStream('trainer', trainer.predict(request), context.interrupt.signal)) {
      if (response.labelNames.length > 0) labelNames = response.labelNames;
      for (const record of recordsOf(response)) {
        const prediction = { ...record, labelNames };
        if (onRecord(prediction)) records.push(prediction);
        recordCount += 1;
        if (recordCount >= recordLimit) break read;
      }
      progress.update(0, `${formatCount(recordCount)} records`);
    }
    progress.succeed(`${formatCount(recordCount)} records`);
    return { records, labelNames };
  } catch (error) {
    progress.fail();
    throw error;
  }
}

function* recordsOf(response: PredictResponse): Generator<Omit<RecordPrediction, 'labelNames'>> {
  for (const generated of response.generatedTexts) yield { logits: [], generated };
  if (response.answers.length > 0) {
    yield* answersOf(response);
    return;
  }
  const { labelCount, logits, words } = response;
  let start = 0;
  const take = (rowCount: number): number[] => logits.slice(start, (start += rowCount * labelCount));
  for (const ofRecord of words) yield { logits: take(ofRecord.wordIndices.length), words: ofRecord };
  if (words.length > 0 || labelCount === 0) return;
  while (start + labelCount <= logits.length) yield { logits: take(1) };
}

function* answersOf({
  answers,
  windowLengths,
  logits,
}: PredictResponse): Generator<Omit<RecordPrediction, 'labelNames'>> {
  let [firstWindow, start] = [0, 0];
  for (const answer of answers) {
    const lengths = windowLengths.slice(firstWindow, (firstWindow += answer.windowCount));
    // A start logit and an end logit for each token.
    const count = 2 * lengths.reduce((sum, length) => sum + length, 0);
    yield { logits: logits.slice(start, (start += count)), answer, windowLengths: lengths };
  }
}
