import { totalCounts, type VocabularyProfile } from './profile.ts';

// Enough for a smooth curve on a logarithmic axis.
const POINTS_PER_DECADE = 20;

function sortedCounts(profile: VocabularyProfile): Float64Array {
  return Float64Array.from([...totalCounts(profile).entries()].map(([, count]) => count))
    .sort()
    .reverse();
}

/** Ranks 1, ..., `last`, evenly spaced on a logarithmic axis. */
function logarithmicRanks(last: number): number[] {
  const ranks = new Set<number>();
  const steps = Math.ceil(Math.log10(Math.max(1, last)) * POINTS_PER_DECADE);
  for (let step = 0; step <= steps; step++) ranks.add(Math.min(last, Math.round(10 ** (step / POINTS_PER_DECADE))));
  if (last > 0) ranks.add(last);
  return [...ranks].filter((rank) => rank >= 1).sort((a, b) => a - b);
}

/** How often the id of each rank occurs. */
export function rankFrequency(profile: VocabularyProfile): { rank: number; count: number }[] {
  const counts = sortedCounts(profile);
  return logarithmicRanks(counts.length).map((rank) => ({ rank, count: counts[rank - 1] ?? 0 }));
}

/** Share of all occurrences that the most frequent ids make up. */
export function coverageCurve(profile: VocabularyProfile): { tokenCount: number; coverage: number }[] {
  const counts = sortedCounts(profile);
  const sums = new Float64Array(counts.length);
  let sum = 0;
  counts.forEach((count, index) => {
    sum += count;
    sums[index] = sum;
  });
  return logarithmicRanks(counts.length).map((tokenCount) => ({
    tokenCount,
    coverage: (sums[tokenCount - 1] ?? 0) / sum,
  }));
}

// float32 weight, gradient and two Adam moments.
const TRAINING_BYTES_PER_PARAMETER = 16;

/** Bytes of an embedding matrix `[rows, hiddenSize]` in training: weight, gradient and two moments in float32. */
export function embeddingTrainingBytes(rows: number, hiddenSize: number): number {
  return rows * hiddenSize * TRAINING_BYTES_PER_PARAMETER;
}
