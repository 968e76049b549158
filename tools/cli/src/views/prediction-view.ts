/** One record's prediction as a line of JSON. */
export function renderPrediction(
  index: number,
  logits: readonly number[],
  labelNames: readonly string[],
  isRegression: boolean,
): string {
  if (isRegression) return JSON.stringify({ index, value: logits[0] });
  const probabilities = softmax(logits);
  const best = probabilities.indexOf(Math.max(...probabilities));
  const label = labelNames[best] ?? String(best);
  return JSON.stringify({ index, label, score: Number((probabilities[best] ?? Number.NaN).toFixed(6)), logits });
}

function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const exponentials = logits.map((logit) => Math.exp(logit - largest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}
