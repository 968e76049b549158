import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amazonTokenIds, profileJson, splitJson } from '../test/documents.ts';
import { coverageCurve, embeddingTrainingBytes, rankFrequency } from './curves.ts';
import { LengthHistogram } from './length-histogram.ts';
import { parseProfile, type VocabularyProfile } from './profile.ts';
import { TokenCounter } from './token-counter.ts';

/** The halves of amazon.json as two splits. */
function amazonProfile(): VocabularyProfile {
  const rows = amazonTokenIds();
  const splits = [rows.slice(0, 500), rows.slice(500)].map((half, index) => {
    const counter = new TokenCounter();
    for (const ids of half) counter.add(ids);
    const lengths = new LengthHistogram();
    for (const { length } of half) lengths.add(length);
    const entries = [...counter.entries()];
    return {
      ...splitJson(),
      split: index === 0 ? 'train' : 'validation',
      recordCount: half.length,
      recordLengths: lengths.entries(),
      tokenCount: counter.totalCount,
      distinctTokenCount: entries.length,
      tokenIds: entries.map(([id]) => id),
      counts: entries.map(([, count]) => count),
    };
  });
  return parseProfile({ ...profileJson(), fullVocabSize: 30522, splits }, 'profile');
}

test('rankFrequency and coverageCurve sum over splits to the values of numpy', () => {
  const profile = amazonProfile();
  const counts = new Map(rankFrequency(profile).map(({ rank, count }) => [rank, count]));
  const coverage = new Map(coverageCurve(profile).map((point) => [point.tokenCount, point.coverage]));
  // numpy: sort, cumsum; both divide the same integers, so they agree to the last bit.
  for (const [rank, count, share] of [
    [1, 1079, 0.07167530224525043],
    [10, 219, 0.35578583765112265],
    [100, 20, 0.6650724060050485],
    [1000, 1, 0.9336388999601435],
    [1999, 1, 1],
  ] as const) {
    assert.equal(counts.get(rank), count);
    assert.equal(coverage.get(rank), share);
  }
});

test('rankFrequency gives ascending ranks, few enough to draw', () => {
  const ranks = rankFrequency(amazonProfile()).map(({ rank }) => rank);
  assert.deepEqual(
    ranks,
    [...new Set(ranks)].sort((a, b) => a - b),
  );
  assert.ok(ranks.length > 30 && ranks.length < 100, `${ranks.length} points`);
});

test('rankFrequency and coverageCurve of nothing are empty', () => {
  const profile = parseProfile({ ...profileJson(), splits: [] }, 'profile');
  assert.deepEqual([rankFrequency(profile), coverageCurve(profile)], [[], []]);
});

test('embeddingTrainingBytes is 16 bytes a parameter', () => {
  // all-MiniLM-L6-v2: 30522 x 384 float32 weights of 46,881,792 bytes, with gradient and two moments four times that.
  assert.equal(embeddingTrainingBytes(30522, 384), 4 * 46_881_792);
});
