import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  GraphBuilder, GraphError, RuntimeDimensions, add, crossEntropyMean, dropout, embeddingLookup, embeddingPair, evaluateDimension, formatShape, gatherRows, gradients, layerNorm, linear,
  matmul, multiplyDimensions, relativeShift, reshape, rmsNorm, rotary, split, squaredErrorMean, symbol, transpose, type GraphErrorCode, type Shape, type Tensor,
} from './mod.ts'; // prettier-ignore

const TOKENS = multiplyDimensions(symbol('batch'), symbol('length'));

let count = 0;
const builder = new GraphBuilder();
const floats = (...shape: Shape): Tensor => builder.placeholder(`x${count++}`, 'float32', shape);
const integers = (...shape: Shape): Tensor => builder.placeholder(`i${count++}`, 'int32', shape);
const dimensions = new RuntimeDimensions(builder, integers(symbol('batch'), symbol('length')));

const REFUSED: Record<string, { build: () => unknown; code: GraphErrorCode; message: string }> = {
  'add of shapes that do not broadcast': {
    build: () => add(builder, floats(symbol('batch'), 3), floats(4)),
    code: 'SHAPE_MISMATCH',
    message: 'AddV2 of shapes [batch, 3] and [4]',
  },
  'add of different symbols': {
    build: () => add(builder, floats(symbol('batch')), floats(symbol('length'))),
    code: 'SHAPE_MISMATCH',
    message: 'AddV2 of shapes [batch] and [length]',
  },
  'add of different dtypes': {
    build: () => add(builder, floats(3), integers(3)),
    code: 'DTYPE_MISMATCH',
    message: 'AddV2 of float32 and int32',
  },
  'matmul of inner dimensions that differ': {
    build: () => matmul(builder, floats(TOKENS, 4), floats(4, 5), { transposeB: true }),
    code: 'SHAPE_MISMATCH',
    message: 'matmul of [batch*length, 4] and [4, 5]^T',
  },
  'matmul of batches that differ': {
    build: () => matmul(builder, floats(2, 3, 4), floats(3, 4, 5)),
    code: 'SHAPE_MISMATCH',
    message: 'matmul of [2, 3, 4] and [3, 4, 5]',
  },
  'linear with a bias of another size': {
    build: () => linear(builder, floats(TOKENS, 4), floats(6, 4), floats(5)),
    code: 'SHAPE_MISMATCH',
    message: 'linear of [batch*length, 4] with weight [6, 4] and bias [5]',
  },
  'layerNorm with a gain of another size': {
    build: () => layerNorm(builder, floats(TOKENS, 4), floats(5), floats(5), 1e-12),
    code: 'SHAPE_MISMATCH',
    message: 'layerNorm of [batch*length, 4] with gamma [5]',
  },
  'rmsNorm with a gain of another size': {
    build: () => rmsNorm(builder, floats(TOKENS, 4), floats(5), 1e-6),
    code: 'SHAPE_MISMATCH',
    message: 'rmsNorm of [batch*length, 4] with gamma [5]',
  },
  'rotary of an odd size': {
    build: () => rotary(builder, floats(symbol('length'), 5), floats(symbol('length'), 5), floats(symbol('length'), 5)),
    code: 'SHAPE_MISMATCH',
    message: 'rotary of [length, 5]: the last dimension is not even',
  },
  'split into parts that are not whole': {
    build: () => split(builder, floats(TOKENS, 5), 3),
    code: 'SHAPE_MISMATCH',
    message: 'split of [batch*length, 5] into 3 parts',
  },
  'embeddingPair of ids in rows': {
    build: () => embeddingPair(builder, floats(5, 4), [integers(2), integers(2, 3)], 8),
    code: 'SHAPE_MISMATCH',
    message: 'embeddingPair of ids [2] and [2, 3] in [5, 4]',
  },
  'gatherRows of three dimensions': {
    build: () => gatherRows(builder, dimensions, floats(2, 3, 4), integers(2)),
    code: 'SHAPE_MISMATCH',
    message: 'gatherRows of [2] in [2, 3, 4]',
  },
  'relativeShift of another width': {
    build: () => relativeShift(builder, dimensions, floats(2, symbol('length'), symbol('length'))),
    code: 'SHAPE_MISMATCH',
    message: 'relativeShift of [2, length, length], not [n, length, 2 length]',
  },
  'reshape to another element count': {
    build: () => reshape(builder, dimensions, floats(TOKENS, 12), [symbol('batch'), symbol('length'), 3, 5]),
    code: 'SHAPE_MISMATCH',
    message: 'reshape of [batch*length, 12] to [batch, length, 3, 5]',
  },
  'embeddingLookup with ids of two dimensions': {
    build: () => embeddingLookup(builder, floats(9, 4), integers(symbol('batch'), symbol('length'))),
    code: 'SHAPE_MISMATCH',
    message: 'embeddingLookup of ids [batch, length] in [9, 4]',
  },
  'transpose by an axis that is not there': {
    build: () => transpose(builder, floats(2, 3), [0, 2]),
    code: 'SHAPE_MISMATCH',
    message: 'Shape [2, 3] has no axis 2',
  },
  'crossEntropyMean with labels of another batch': {
    build: () => crossEntropyMean(builder, floats(symbol('batch'), 2), integers(7)),
    code: 'SHAPE_MISMATCH',
    message: 'crossEntropyMean of logits [batch, 2] and labels [7]',
  },
  'squaredErrorMean of different shapes': {
    build: () => squaredErrorMean(builder, floats(symbol('batch'), 1), floats(symbol('batch'))),
    code: 'SHAPE_MISMATCH',
    message: 'squaredErrorMean of [batch, 1] and [batch]',
  },
  'dropout of everything': {
    build: () => dropout(builder, dimensions, floats(TOKENS, 4), 1, { seed: integers(2), site: 0 }),
    code: 'INVALID_ARGUMENT',
    message: 'Dropout probability must be in [0, 1): 1',
  },
  'gradients of something that is no scalar': {
    build: () => gradients(builder, floats(symbol('batch'))),
    code: 'NOT_DIFFERENTIABLE',
    message: `not a scalar`,
  },
  'a dimension whose symbol has no value': {
    build: () => evaluateDimension(TOKENS, { batch: 2 }),
    code: 'UNBOUND_SYMBOL',
    message: 'Symbol "length" has no value',
  },
};
for (const [name, { build, code, message }] of Object.entries(REFUSED))
  test(`GraphBuilder refuses ${name}, with both shapes, before the engine sees it`, () => {
    assert.throws(
      build,
      (error) => error instanceof GraphError && error.code === code && error.message.includes(message),
    );
  });

test('GraphBuilder refuses names that the engine would misread, and names that are taken', () => {
  const own = new GraphBuilder();
  for (const name of ['1st', 'a,b', 'a:0', '', 'a b', '^a'])
    assert.throws(() => own.placeholder(name, 'float32', []), { name: 'GraphError', code: 'INVALID_ARGUMENT' });
  own.placeholder('feed/x.weight', 'float32', []);
  assert.throws(() => own.placeholder('feed/x.weight', 'float32', []), { code: 'INVALID_ARGUMENT' });
});

test('formatShape and evaluateDimension treat products of symbols alike whatever their order', () => {
  const a = multiplyDimensions(symbol('length'), 12, symbol('batch'));
  const b = multiplyDimensions(symbol('batch'), symbol('length'), 12);
  assert.deepEqual(a, b);
  assert.equal(formatShape([a, 384]), '[12*batch*length, 384]');
  assert.equal(evaluateDimension(a, { batch: 16, length: 128 }), 24576);
});
