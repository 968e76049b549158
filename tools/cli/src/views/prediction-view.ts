import type { PredictedAnswer } from '@pemmican/contract/trainer';

import type { TaskName } from '../options/training-options.ts';
import type { Predictions, RecordPrediction } from '../stages/predict-stage.ts';

/** One record's prediction as a line of JSON. */
export function renderPrediction(index: number, prediction: RecordPrediction, task: TaskName): string {
  const { logits, labelNames } = prediction;
  if (prediction.answer !== undefined) return JSON.stringify({ index, ...answerOf(prediction.answer) });
  if (prediction.generated !== undefined) return JSON.stringify({ index, text: prediction.generated.text });
  if (prediction.words !== undefined) return JSON.stringify({ index, labels: wordLabels(prediction) });
  if (task === 'regression') return JSON.stringify({ index, value: logits[0] });
  const probabilities = softmax(logits);
  const best = probabilities.indexOf(Math.max(...probabilities));
  const label = labelNames[best] ?? String(best);
  return JSON.stringify({ index, label, score: Number((probabilities[best] ?? Number.NaN).toFixed(6)), logits });
}

/** All predictions as one document. */
export function predictionDocument({ records, labelNames }: Predictions): object {
  const answers = records.flatMap(({ answer }) => (answer === undefined ? [] : [answerOf(answer)]));
  if (answers.length > 0) return { answers, logits: records.map(windowLogits) };
  const texts = records.flatMap(({ generated }) => (generated === undefined ? [] : [generated.text]));
  if (texts.length > 0) return { texts };
  const isOfWords = records.some(({ words }) => words !== undefined);
  return {
    logits: records.map((record) => (isOfWords ? wordLogits(record) : record.logits)),
    ...(isOfWords ? { labels: records.map(wordLabels) } : {}),
    labelNames,
  };
}

/** Positions are in Unicode code points of the context. */
function answerOf({ text, score, start, end }: PredictedAnswer): object {
  return { answer: text, score: Number(score.toFixed(6)), start, end };
}

/** What each token of each window is worth as the answer's start and as its end. */
function windowLogits({ logits, windowLengths = [] }: RecordPrediction): object[] {
  let at = 0;
  const take = (count: number): readonly number[] => logits.slice(at, (at += count));
  return windowLengths.map((length) => ({ start: take(length), end: take(length) }));
}

/** The label of each word; null for words that were cut off or have no token. */
function wordLabels(prediction: RecordPrediction): (string | null)[] {
  return wordLogits(prediction).map((logits) => {
    if (logits === null) return null;
    const best = logits.indexOf(Math.max(...logits));
    return prediction.labelNames[best] ?? String(best);
  });
}

/** `[wordCount, labelCount]`, null for words without logits. */
function wordLogits({ logits, words, labelNames }: RecordPrediction): (readonly number[] | null)[] {
  const rows: (readonly number[] | null)[] = Array.from({ length: words?.wordCount ?? 0 }, () => null);
  words?.wordIndices.forEach((word, row) => {
    rows[word] = logits.slice(row * labelNames.length, (row + 1) * labelNames.length);
  });
  return rows;
}

function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const exponentials = logits.map((logit) => Math.exp(logit - largest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}
