import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EncodedDatasetBuilder, makeBatch, type Batch } from './encoded-dataset.ts';
import { maskTokens, nextTokenTargets, type MaskingOptions } from './token-targets.ts';

const PAD = 0;
const CLS = 1;
const SEP = 2;
const MASK = 3;
const REPLACEMENTS = Uint32Array.from({ length: 16 }, (_, index) => 950 + 3 * index);
const OPTIONS: MaskingOptions = {
  probability: 0.15,
  maskTokenId: MASK,
  specialTokenIds: new Set([PAD, CLS, SEP, MASK]),
  replacementTokenIds: REPLACEMENTS,
};

function batchOf(records: readonly (readonly number[])[], rows: readonly number[]): Batch {
  const builder = new EncodedDatasetBuilder();
  for (const ids of records) builder.add(ids, new Uint8Array(ids.length), 0);
  return makeBatch(builder.build(), Uint32Array.from(rows), PAD);
}

test('nextTokenTargets: each token of a row predicts the next, padding neither predicts nor is predicted', () => {
  const batch = batchOf([[5, 6, 7], [8], [9, 10]], [0, 1, 2]);
  const { positions, labels } = nextTokenTargets(batch);
  // Rows of three: places 0 to 2, 3 to 5, 6 to 8.
  assert.deepEqual([...positions], [0, 1, 6]);
  assert.deepEqual([...labels], [6, 7, 10]);
});

test('nextTokenTargets predicts only the tokens that have a label, and no first token of a record', () => {
  const batch = batchOf(
    [
      [5, 6, 7, 8],
      [9, 10],
      [11, 12, 13],
    ],
    [0, 1, 2],
  );
  const tokenLabels = Int32Array.from([5, -100, 7, 8, 9, -100, -100, -100, -100, 12, -100, -100]);
  const { positions, labels } = nextTokenTargets({ ...batch, tokenLabels });
  // Rows of four: the 5 and the 9 have a label and nothing before them.
  assert.deepEqual([...positions], [1, 2, 8]);
  assert.deepEqual([...labels], [7, 8, 12]);
});

test('nextTokenTargets refuses a batch of which nothing is predicted, rather than to give a loss that is no number', () => {
  const batch = batchOf([[5, 6, 7]], [0]);
  assert.throws(() => nextTokenTargets({ ...batch, tokenLabels: Int32Array.of(5, -100, -100) }), {
    name: 'TrainingError',
    code: 'INVALID_DATA',
    message: /predicts nothing: it has no token with a label after the first of a record/,
  });
});

test('nextTokenTargets refuses a batch of single tokens', () => {
  assert.throws(() => nextTokenTargets(batchOf([[5], [6]], [0, 1])), {
    name: 'TrainingError',
    code: 'INVALID_DATA',
    message: /predicts nothing: it has no record of two tokens and more/,
  });
});

const LONG = Array.from({ length: 200 }, (_, record) => [
  CLS,
  ...Array.from({ length: 120 }, (_, index) => 10 + ((record * 131 + index * 17) % 900)),
  SEP,
]);
const ALL_ROWS = LONG.map((_, index) => index);

test('maskTokens hides as BERT does: 15 % are predicted, of these 80 % hidden, 10 % replaced, 10 % left', () => {
  const batch = batchOf(LONG, ALL_ROWS);
  const hidden = maskTokens(batch, OPTIONS, 42, 'epoch:0');
  const { positions, labels: tokenIds } = hidden.targets;
  const total = LONG.length * 120;
  // Five standard deviations of each binomial count.
  const near = (count: number, of: number, share: number): void => {
    assert.ok(
      Math.abs(count - of * share) < 5 * Math.sqrt(of * share * (1 - share)),
      `${count} of ${of}, not ${share}`,
    );
  };
  near(positions.length, total, 0.15);
  let [masked, replaced, left] = [0, 0, 0];
  const replacedBy = new Set<number>();
  positions.forEach((place, index) => {
    assert.equal(tokenIds[index], batch.inputIds[place]);
    const now = hidden.batch.inputIds[place]!;
    if (now === MASK) masked++;
    else if (now === batch.inputIds[place]) left++;
    else {
      replaced++;
      replacedBy.add(now);
    }
  });
  near(masked, positions.length, 0.8);
  near(replaced, positions.length, 0.1);
  near(left, positions.length, 0.1);
  assert.deepEqual(
    [...replacedBy].sort(),
    [...REPLACEMENTS],
    'each of those that may stand for others does, and no others',
  );
});

test('maskTokens changes nothing but what is predicted, and never special tokens or padding', () => {
  const batch = batchOf([[CLS, 11, 12, SEP], ...LONG.slice(0, 50)], [0, 1, 2, 3, 4, 5]);
  const before = batch.inputIds.slice();
  const { batch: after, targets } = maskTokens(batch, { ...OPTIONS, probability: 1 }, 1, 'epoch:0');
  assert.deepEqual(batch.inputIds, before, 'the batch that was given is as it was');
  const predicted = new Set(targets.positions);
  before.forEach((tokenId, place) => {
    const isSpecial = OPTIONS.specialTokenIds.has(tokenId) || batch.attentionMask[place] === 0;
    assert.equal(predicted.has(place), !isSpecial);
    if (isSpecial) assert.equal(after.inputIds[place], tokenId);
  });
});

test('maskTokens of a record depends on seed, pass and record, and not on the batch', () => {
  const rowOf = (rows: readonly number[], record: number, seed = 42, pass = 'epoch:0'): number[] => {
    const { batch } = maskTokens(batchOf(LONG, rows), OPTIONS, seed, pass);
    const row = rows.indexOf(record);
    return [...batch.inputIds.slice(row * batch.length, (row + 1) * batch.length)];
  };
  assert.deepEqual(rowOf([3, 7, 9], 7), rowOf([7], 7));
  assert.notDeepEqual(rowOf([7], 7), rowOf([7], 7, 43));
  assert.notDeepEqual(rowOf([7], 7), rowOf([7], 7, 42, 'epoch:1'));
});

test('maskTokens hides one token where chance hides none', () => {
  const options = { ...OPTIONS, probability: 1e-12 };
  const { batch, targets } = maskTokens(batchOf([[CLS, 11, 12, SEP]], [0]), options, 42, 'epoch:0');
  assert.deepEqual([...targets.positions], [1]);
  assert.deepEqual([...targets.labels], [11]);
  assert.equal(batch.inputIds[1], MASK);
  assert.throws(() => maskTokens(batchOf([[CLS, SEP]], [0]), options, 42, 'epoch:0'), { code: 'INVALID_DATA' });
});
