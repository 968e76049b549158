import type { TaskName } from '../options/training-options.ts';
import type { Predictions, RecordPrediction } from '../stages/predict-stage.ts';

/** One record's prediction as a line of JSON. */
export function renderPrediction(index: number, prediction: RecordPrediction, task: TaskName): string {
  const { logits, labelNames } = prediction;
  if (prediction.words !== undefined) return JSON.stringify({ index, labels: wordLabels(prediction) });
  if (task === 'regression') return JSON.stringify({ index, value: logits[0] });
  const probabilities = softmax(logits);
  const best = probabilities.indexOf(Math.max(...probabilities));
  const label = labelNames[best] ?? String(best);
  return JSON.stringify({ index, label, score: Number((probabilities[best] ?? Number.NaN).toFixed(6)), logits });
}

/** All predictions as one document. */
export function predictionDocument({ records, labelNames }: Predictions): object {
  const isOfWords = records.some(({ words }) => words !== undefined);
  return {
    logits: records.map((record) => (isOfWords ? wordLogits(record) : record.logits)),
    ...(isOfWords ? { labels: records.map(wordLabels) } : {}),
    labelNames,
  };
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
