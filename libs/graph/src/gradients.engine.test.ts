import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TensorflowSession } from '@pemmican/engine';
import {
  GraphBuilder, RuntimeDimensions, add, addConstant, after, cast, crossEntropyMean, densify, dropout, embeddingLookup, embeddingPair, encodeSavedModel, firstToken, gelu, geluTanh,
  gated, gatherRows, gradients, layerNorm, linear, linearWithoutBias, matmul, multiply, multiplyConstant, reduce, relativeShift, relu, reshape, rmsNorm, rotary, scale, silu, softmax,
  slidingWindows, split, squaredErrorMean, subtract, sumDuplicateRows, symbol, tanh, transpose, vocabularyCrossEntropyMean, recompute, binary, unary, identity, type Tensor,
} from './mod.ts'; // prettier-ignore

// Deterministic numbers in (-1, 1).
function numbers(count: number, seed: number): number[] {
  let state = BigInt(seed) * 2654435761n + 12345n;
  return Array.from({ length: count }, () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number(state >> 33n) / 2 ** 30 - 1;
  });
}

type Build = (
  builder: GraphBuilder,
  dimensions: RuntimeDimensions,
  parameters: readonly Tensor[],
  ids: Tensor,
) => Tensor;

const BATCH = 2;
const LENGTH = 3;
// 1e-5 balances the formula's error, of order step^2, against rounding, of order 2^-53 / step.
const STEP = 1e-5;

/**
 * Compares `sum(gradient * direction)` with the central difference `(loss(p + h d) - loss(p - h d)) / 2h` along a random
 * direction of every parameter at once, both computed in float64 inside one graph.
 */
function directionalError(shapes: readonly (readonly number[])[], build: Build): number {
  const builder = new GraphBuilder({ floatDtype: 'float64' });
  const ids = builder.placeholder('ids', 'int32', [symbol('batch'), symbol('length')]);
  const dimensions = new RuntimeDimensions(builder, ids);
  const constants = (offset: number): Tensor[] =>
    shapes.map((shape, index) =>
      builder.constant(
        numbers(
          shape.reduce((a, b) => a * b, 1),
          index + offset,
        ),
        'float64',
        shape,
      ),
    );
  const [points, directions] = [constants(1), constants(101)];
  const at = (shift: number): Tensor =>
    builder.withoutTape(() =>
      build(
        builder,
        dimensions,
        points.map((point, i) =>
          binary(builder, 'AddV2', point, binary(builder, 'Mul', directions[i]!, builder.constant(shift))),
        ),
        ids,
      ),
    );
  const difference = binary(
    builder,
    'RealDiv',
    binary(builder, 'Sub', at(STEP), at(-STEP)),
    builder.constant(2 * STEP),
  );
  // Identity makes each parameter a tensor of its own, so that constants that are merged do not share a gradient.
  const parameters = points.map((point) => identity(builder, point));
  const loss = build(builder, dimensions, parameters, ids);
  const map = gradients(builder, loss);
  let slope = builder.constant(0);
  parameters.forEach((parameter, index) => {
    const gradient = map.getDense(parameter);
    assert.ok(gradient !== undefined, `parameter ${index} gets a gradient`);
    const axes = parameter.shape.map((_, axis) => axis);
    slope = binary(
      builder,
      'AddV2',
      slope,
      reduce(builder, 'Sum', binary(builder, 'Mul', gradient, directions[index]!), axes, false),
    );
  });
  const error = binary(
    builder,
    'RealDiv',
    unary(builder, 'Abs', binary(builder, 'Sub', slope, difference)),
    binary(builder, 'Maximum', unary(builder, 'Abs', difference), builder.constant(1e-3)),
  );
  builder.add(
    'Cast',
    [error],
    { SrcT: { kind: 'dtype', value: 'float64' }, DstT: { kind: 'dtype', value: 'float32' } },
    { dtype: 'float32', shape: [] },
    { name: 'error' },
  );
  const session = TensorflowSession.open(encodeSavedModel(builder, ids));
  try {
    const data = Int32Array.from([1, 0, 2, 2, 1, 3]);
    return session.run({ ids: { dtype: 'int32', shape: [BATCH, LENGTH], data } }, ['error'])[0]!.data[0]!;
  } finally {
    session.dispose();
  }
}

const sumOf = (builder: GraphBuilder, x: Tensor): Tensor => {
  // Weights that differ make every element count differently.
  const count = x.shape.reduce<number>(
    (product, d) =>
      product *
      (typeof d === 'number' ? d : d.symbols.reduce((p, s) => p * (s === 'batch' ? BATCH : LENGTH), d.coefficient)),
    1,
  );
  const flat = reshapeFlat(builder, x, count);
  const weighted = multiply(builder, flat, builder.constant(numbers(count, 77)));
  return squaredErrorMean(builder, weighted, builder.constant(numbers(count, 78)));
};
const reshapeFlat = (builder: GraphBuilder, x: Tensor, count: number): Tensor => {
  const to = (value: Tensor, shape: Tensor['shape'], vector: Tensor): Tensor =>
    builder.add(
      'Reshape',
      [value, vector],
      { T: { kind: 'dtype', value: value.dtype }, Tshape: { kind: 'dtype', value: 'int32' } },
      { dtype: value.dtype, shape },
    );
  const output = to(x, [count], builder.constant([count], 'int32'));
  const shape = builder.add(
    'Shape',
    [x],
    { T: { kind: 'dtype', value: x.dtype }, out_type: { kind: 'dtype', value: 'int32' } },
    { dtype: 'int32', shape: [x.shape.length] },
  );
  builder.record({ inputs: [x], output, backward: (dy) => [{ kind: 'dense', value: to(dy, x.shape, shape) }] });
  return output;
};

const flatIds = (builder: GraphBuilder, dimensions: RuntimeDimensions, ids: Tensor): Tensor =>
  reshape(builder, dimensions, ids, [{ coefficient: 1, symbols: ['batch', 'length'] }]);

const CASES: Record<string, { shapes: number[][]; build: Build }> = {
  add: { shapes: [[2, 3], [3]], build: (b, _d, [x, y]) => sumOf(b, add(b, x!, y!)) },
  subtract: {
    shapes: [
      [2, 3],
      [2, 1],
    ],
    build: (b, _d, [x, y]) => sumOf(b, subtract(b, x!, y!)),
  },
  multiply: {
    shapes: [
      [2, 3],
      [1, 3],
    ],
    build: (b, _d, [x, y]) => sumOf(b, multiply(b, x!, y!)),
  },
  scale: { shapes: [[2, 3]], build: (b, _d, [x]) => sumOf(b, scale(b, x!, -1.7)) },
  addConstant: { shapes: [[2, 3]], build: (b, _d, [x]) => sumOf(b, addConstant(b, x!, b.constant([1, 2, 3]))) },
  multiplyConstant: {
    shapes: [[2, 3]],
    build: (b, _d, [x]) => sumOf(b, multiplyConstant(b, x!, b.constant([1, 0, 3]))),
  },
  matmul: {
    shapes: [
      [2, 3],
      [3, 4],
    ],
    build: (b, _d, [x, y]) => sumOf(b, matmul(b, x!, y!)),
  },
  'matmul, transposed': {
    shapes: [
      [2, 3],
      [4, 3],
    ],
    build: (b, _d, [x, y]) => sumOf(b, matmul(b, x!, y!, { transposeB: true })),
  },
  'matmul of batches': {
    shapes: [
      [2, 2, 3],
      [2, 4, 3],
    ],
    build: (b, _d, [x, y]) => sumOf(b, matmul(b, x!, y!, { transposeB: true })),
  },
  linear: { shapes: [[2, 3], [4, 3], [4]], build: (b, _d, [x, w, c]) => sumOf(b, linear(b, x!, w!, c!)) },
  'linear, input major': {
    shapes: [[2, 3], [3, 4], [4]],
    build: (b, _d, [x, w, c]) => sumOf(b, linear(b, x!, w!, c!, { isInputMajor: true })),
  },
  linearWithoutBias: {
    shapes: [
      [2, 3],
      [4, 3],
    ],
    build: (b, _d, [x, w]) => sumOf(b, linearWithoutBias(b, x!, w!)),
  },
  gated: {
    shapes: [
      [5, 3],
      [5, 3],
    ],
    build: (b, _d, [g, u]) =>
      sumOf(
        b,
        gated(b, g!, u!, (x) => silu(b, x)),
      ),
  },
  silu: { shapes: [[5, 3]], build: (b, _d, [x]) => sumOf(b, silu(b, x!)) },
  rmsNorm: { shapes: [[5, 4], [4]], build: (b, _d, [x, g]) => sumOf(b, rmsNorm(b, x!, g!, 1e-6)) },
  'rmsNorm of heads, weights from 0': {
    shapes: [[2, 3, 4], [4]],
    build: (b, _d, [x, g]) => sumOf(b, rmsNorm(b, x!, g!, 1e-6, 1)),
  },
  rotary: {
    shapes: [[2, 3, 4]],
    build: (b, _d, [x]) => {
      // The two halves have one angle, as the function asks.
      const table = (seed: number): Tensor => {
        const half = numbers(6, seed);
        const rows = [0, 2, 4].flatMap((at) => [...half.slice(at, at + 2), ...half.slice(at, at + 2)]);
        return b.constant(rows, 'float64', [3, 4]);
      };
      return sumOf(b, rotary(b, x!, table(5), table(6)));
    },
  },
  gatherRows: {
    shapes: [[3, 4]],
    build: (b, d, [x]) => sumOf(b, gatherRows(b, d, x!, b.constant([2, 0, 2, 1, 2], 'int32'))),
  },
  split: {
    shapes: [[2, 6]],
    build: (b, _d, [x]) => {
      const [first, second, third] = split(b, x!, 3);
      return sumOf(b, add(b, multiply(b, first!, second!), third!));
    },
  },
  'split with a part that nothing reads': {
    shapes: [[2, 6]],
    build: (b, _d, [x]) => sumOf(b, split(b, x!, 3)[1]!),
  },
  after: { shapes: [[2, 3]], build: (b, _d, [x]) => sumOf(b, after(b, multiply(b, x!, x!), b.constant(1))) },
  embeddingPair: {
    shapes: [[5, 4]],
    build: (b, _d, [matrix]) => {
      const first = b.constant([3, 1, 3], 'int32');
      const second = b.constant([3, 0], 'int32');
      const [x, y] = embeddingPair(b, matrix!, [first, second], 5);
      return add(b, sumOf(b, multiply(b, x, x)), sumOf(b, y));
    },
  },
  'embeddingPair with a part that nothing reads': {
    shapes: [[5, 4]],
    build: (b, _d, [matrix]) =>
      sumOf(b, embeddingPair(b, matrix!, [b.constant([3, 1, 3], 'int32'), b.constant([0], 'int32')], 4)[0]),
  },
  relativeShift: { shapes: [[2, 3, 6]], build: (b, d, [x]) => sumOf(b, relativeShift(b, d, x!)) },
  slidingWindows: { shapes: [[2, 4, 3]], build: (b, d, [x]) => sumOf(b, slidingWindows(b, d, x!, 3)) },
  'slidingWindows of five, wider than the sequence': {
    shapes: [[2, 3, 2]],
    build: (b, d, [x]) => sumOf(b, slidingWindows(b, d, x!, 5)),
  },
  'multiplyConstant, a factor a row': {
    shapes: [[4, 3]],
    build: (b, _d, [x]) => sumOf(b, multiplyConstant(b, x!, b.constant([1, 0, 2, -1], x!.dtype, [4, 1]))),
  },
  relu: { shapes: [[5, 3]], build: (b, _d, [x]) => sumOf(b, relu(b, x!)) },
  tanh: { shapes: [[5, 3]], build: (b, _d, [x]) => sumOf(b, tanh(b, x!)) },
  gelu: { shapes: [[5, 3]], build: (b, _d, [x]) => sumOf(b, gelu(b, x!)) },
  geluTanh: { shapes: [[5, 3]], build: (b, _d, [x]) => sumOf(b, geluTanh(b, x!)) },
  softmax: { shapes: [[5, 3]], build: (b, _d, [x]) => sumOf(b, softmax(b, x!)) },
  layerNorm: { shapes: [[5, 4], [4], [4]], build: (b, _d, [x, g, c]) => sumOf(b, layerNorm(b, x!, g!, c!, 1e-12)) },
  transpose: { shapes: [[2, 3, 4]], build: (b, _d, [x]) => sumOf(b, transpose(b, x!, [2, 0, 1])) },
  reshape: { shapes: [[2, 6]], build: (b, d, [x]) => sumOf(b, reshape(b, d, x!, [3, 4])) },
  firstToken: { shapes: [[2, 3, 4]], build: (b, d, [x]) => sumOf(b, firstToken(b, d, x!)) },
  cast: { shapes: [[2, 3]], build: (b, _d, [x]) => sumOf(b, cast(b, x!, 'float64')) },
  embeddingLookup: {
    shapes: [[5, 3]],
    build: (b, d, [m], ids) => sumOf(b, embeddingLookup(b, m!, flatIds(b, d, ids))),
  },
  crossEntropyMean: {
    shapes: [[3, 4]],
    build: (b, _d, [x]) => crossEntropyMean(b, x!, b.constant([0, 3, 1], 'int32')),
  },
  'vocabularyCrossEntropyMean in chunks, with a bias': {
    shapes: [[4, 3], [7, 3], [7]],
    build: (b, _d, [h, m, c]) =>
      vocabularyCrossEntropyMean(b, h!, m!, c, b.constant([6, 2, 2, 0], 'int32'), { chunkRows: 3 }),
  },
  'vocabularyCrossEntropyMean in one chunk, capped': {
    shapes: [
      [4, 3],
      [7, 3],
    ],
    build: (b, _d, [h, m]) =>
      vocabularyCrossEntropyMean(b, h!, m!, undefined, b.constant([6, 2, 2, 0], 'int32'), { softCap: 0.8 }),
  },
  'vocabularyCrossEntropyMean of a tied matrix': {
    shapes: [[7, 3], [7]],
    build: (b, d, [m, c], ids) =>
      vocabularyCrossEntropyMean(
        b,
        embeddingLookup(b, m!, flatIds(b, d, ids)),
        m!,
        c,
        reshape(b, d, ids, [{ coefficient: 1, symbols: ['batch', 'length'] }]),
        { chunkRows: 2, softCap: 1.5 },
      ),
  },
  squaredErrorMean: {
    shapes: [[3, 1]],
    build: (b, _d, [x]) => squaredErrorMean(b, x!, b.constant([0.5, 3, 1], 'float64', [3, 1])),
  },
  dropout: {
    shapes: [[50, 4]],
    build: (b, d, [x]) => sumOf(b, dropout(b, d, x!, 0.3, { seed: b.constant([7, 9], 'int32'), site: 3 })),
  },
  recompute: {
    shapes: [[4, 3], [3, 3], [3]],
    build: (b, d, [x, w, c]) =>
      sumOf(
        b,
        recompute(b, x!, [w!, c!], (y) =>
          dropout(b, d, gelu(b, linear(b, y, w!, c!)), 0.2, { seed: b.constant([1, 2], 'int32'), site: 1 }),
        ),
      ),
  },
  'a tensor that is read twice': {
    shapes: [[3, 3]],
    build: (b, _d, [x]) => sumOf(b, multiply(b, matmul(b, x!, x!), tanh(b, x!))),
  },
};

for (const [name, { shapes, build }] of Object.entries(CASES)) {
  test(`gradients of ${name} equal central differences in float64`, () => {
    // The difference formula itself is good to about 1e-9 relative here; 1e-6 leaves room and still finds any wrong term.
    assert.ok(directionalError(shapes, build) < 1e-6, `relative error ${directionalError(shapes, build)}`);
  });
}

function run(build: (builder: GraphBuilder) => Tensor[], names: string[]): number[][] {
  const builder = new GraphBuilder();
  build(builder).forEach((tensor, index) => identity(builder, tensor, { name: names[index]! }));
  const session = TensorflowSession.open(encodeSavedModel(builder, builder.constant(1)));
  try {
    return session.run({}, names).map((value) => Array.from(value.data));
  } finally {
    session.dispose();
  }
}

test('sumDuplicateRows and densify add up rows of equal ids', () => {
  // ids 4 2 4 with rows (1,2) (3,4) (5,6): row 4 is (6,8), row 2 is (3,4)
  const [ids, values, matrix] = run(
    (builder) => {
      const gradient = {
        kind: 'rows',
        ids: builder.constant([4, 2, 4], 'int32'),
        values: builder.constant([1, 2, 3, 4, 5, 6], 'float32', [3, 2]),
        rowCount: 5,
      } as const;
      const distinct = sumDuplicateRows(builder, gradient);
      return [distinct.ids, distinct.values, densify(builder, distinct)];
    },
    ['ids', 'sums', 'matrix'],
  );
  assert.deepEqual(ids, [4, 2]);
  assert.deepEqual(values, [6, 8, 3, 4]);
  assert.deepEqual(matrix, [0, 0, 0, 0, 3, 4, 0, 0, 6, 8]);
});

test('embeddingLookup gives the padding row no gradient', () => {
  const [matrix] = run(
    (builder) => {
      const table = identity(builder, builder.constant([1, 2, 3, 4, 5, 6], 'float32', [3, 2]));
      const ids = builder.constant([1, 0, 1], 'int32');
      const rows = embeddingLookup(builder, table, ids, { paddingIndex: 1 });
      const loss = squaredErrorMean(builder, rows, builder.constant([0, 0, 0, 0, 0, 0], 'float32', [3, 2]));
      return [gradients(builder, loss).getDense(table)!];
    },
    ['matrix'],
  );
  // Row 0 is (1,2), read once: d/dx mean(x^2 over 6) = 2x/6
  assert.deepEqual(
    matrix!.map((x) => Math.round(x * 6)),
    [2, 4, 0, 0, 0, 0],
  );
});

/** Names of the ops that fetching a node runs. */
function opsBehind(target: Tensor): string[] {
  const seen = new Set([target.node]);
  for (const node of seen)
    for (const before of [...node.inputs.map((input) => input.node), ...node.controlInputs]) seen.add(before);
  return [...seen].map(({ op }) => op);
}

test('gradients computes nothing for tensors that were not asked for', () => {
  const builder = new GraphBuilder();
  const x = builder.placeholder('x', 'float32', [symbol('batch'), 4]);
  const [first, second] = [1, 2].map((seed) =>
    identity(builder, builder.constant(numbers(16, seed), 'float32', [4, 4])),
  );
  const hidden = linearWithoutBias(builder, tanh(builder, linearWithoutBias(builder, x, first!)), second!);
  const loss = reduce(builder, 'Mean', hidden, [0, 1], false);
  builder.record({
    inputs: [hidden],
    output: loss,
    backward: (dy) => [{ kind: 'dense', value: binary(builder, 'Mul', hidden, dy) }],
  });
  const products = (sources: readonly Tensor[], of: Tensor): number => {
    const gradient = gradients(builder, loss, undefined, sources).getDense(of);
    return opsBehind(gradient!).filter((op) => op === 'MatMul').length;
  };
  // Two products forward; then one for the second weight; or one for what comes to it and one for the first weight.
  assert.equal(products([second!], second!), 3);
  assert.equal(products([first!], first!), 4);
  assert.equal(products([first!, second!], first!), 5);
  const map = gradients(builder, loss, undefined, [second!]);
  assert.deepEqual([map.get(first!), map.get(x)], [undefined, undefined]);
});

test('vocabularyCrossEntropyMean gives the same gradients where its matrix is frozen, and none to the matrix', () => {
  const builder = new GraphBuilder({ floatDtype: 'float64' });
  const [hidden, matrix, bias] = ([[5, 4], [23, 4], [23]] as const).map((shape, seed) =>
    identity(
      builder,
      builder.constant(
        numbers(
          shape.reduce((a: number, b: number) => a * b, 1),
          seed,
        ),
        'float64',
        shape,
      ),
    ),
  );
  const labels = builder.constant([3, 22, 3, 0, 9], 'int32');
  const loss = vocabularyCrossEntropyMean(builder, hidden!, matrix!, bias, labels, { chunkRows: 9 });
  const whole = gradients(builder, loss);
  const frozen = gradients(builder, loss, undefined, [hidden!, bias!]);
  assert.equal(frozen.get(matrix!), undefined);
  const fetches = [whole, frozen].flatMap((map, index) =>
    [hidden!, bias!].map((of, place) => {
      const gradient = map.getDense(of)!;
      assert.ok(index === 0 || !opsBehind(gradient).some((op) => op.startsWith('Inplace')));
      return identity(builder, cast(builder, gradient, 'float32'), { name: `gradient/${index}/${place}` }).node.name;
    }),
  );
  const session = TensorflowSession.open(encodeSavedModel(builder, builder.constant(1, 'float32')));
  const values = session.run({}, fetches).map(({ data }) => data);
  session.dispose();
  assert.deepEqual(values.slice(2), values.slice(0, 2));
  assert.ok(values.every((value) => value.some((element) => Math.abs(element) > 1e-3)));
});
