import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EncodedDatasetBuilder, TrainingError, digestDataset, type EncodedDataset } from './mod.ts';
import { sequenceTargets } from './sequence-targets.ts';

const START = 0;
const PAD = 9;

/** Records of one source token each, with these targets. */
function datasetOf(targets: readonly (readonly number[])[]): EncodedDataset {
  const [sources, targetBuilder] = [new EncodedDatasetBuilder(), new EncodedDatasetBuilder()];
  for (const ids of targets) {
    sources.add([1], new Uint8Array(1), 0);
    targetBuilder.add(ids, new Uint8Array(ids.length), 0);
  }
  const { ids, offsets } = targetBuilder.build();
  return { ...sources.build(), targets: { ids, offsets } };
}

test('sequenceTargets shifts targets to the right, as transformers’ T5 does with its labels', () => {
  const dataset = datasetOf([
    [5, 6, 1],
    [7, 1],
    [8, 2, 3, 1],
  ]);
  // T5ForConditionalGeneration._shift_right of [[7, 1, -100, -100], [8, 2, 3, 1]] with pad_token_id 9 (transformers 5.23).
  const { length, inputIds, positions, labels } = sequenceTargets(dataset, Uint32Array.of(1, 2), START, PAD);
  assert.equal(length, 4);
  assert.deepEqual([...inputIds], [0, 7, 1, 9, 0, 8, 2, 3]);
  assert.deepEqual([...positions], [0, 1, 4, 5, 6, 7]);
  assert.deepEqual([...labels], [7, 1, 8, 2, 3, 1]);
});

test('sequenceTargets takes a target without tokens, but not a batch of such', () => {
  const dataset = datasetOf([[], [4]]);
  const { inputIds, positions, labels } = sequenceTargets(dataset, Uint32Array.of(0, 1), START, PAD);
  assert.deepEqual([[...inputIds], [...positions], [...labels]], [[0, 0], [1], [4]]);
  assert.throws(
    () => sequenceTargets(dataset, Uint32Array.of(0), START, PAD),
    (error) =>
      error instanceof TrainingError &&
      error.code === 'INVALID_DATA' &&
      error.message === 'A batch predicts nothing: none of its 1 targets has a token',
  );
});

test('digestDataset tells targets apart', async () => {
  const digests = await Promise.all([[[5, 6]], [[5, 7]], [[5]]].map((targets) => digestDataset(datasetOf(targets))));
  assert.equal(new Set(digests).size, 3);
  assert.notEqual(await digestDataset(datasetOf([[5], [6, 7]])), await digestDataset(datasetOf([[5, 6], [7]])));
});
