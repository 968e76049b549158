import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  GraphBuilder, RuntimeDimensions, add, gelu, gradients, linear, planMemory, readVariable, recompute, squaredErrorMean, symbol, tanh, variable, zeros,
  assignVariable, type MemoryPlan, type Tensor,
} from './mod.ts'; // prettier-ignore

const ROWS = 1024;
const [NARROW, WIDE] = [ROWS * 64 * 4, ROWS * 256 * 4];

test('planMemory counts variables always, and tensors from their node to their last reader', () => {
  const builder = new GraphBuilder();
  const x = builder.placeholder('x', 'float32', [symbol('batch'), 64]);
  const weight = builder.withCategory('weights', () => variable(builder, 'weight', [256, 64]));
  const bias = builder.withCategory('weights', () => variable(builder, 'bias', [256]));
  const moment = builder.withCategory('optimizer', () => variable(builder, 'moment', [256, 64]));
  const update = assignVariable(builder, moment, zeros(builder, [256, 64], 'float32'));
  const y = linear(builder, x, readVariable(builder, weight), readVariable(builder, bias));
  // The sum overwrites its operand: nothing else reads it.
  const target = tanh(builder, add(builder, y, builder.constant(1)));
  const plan = planMemory(builder, [target.node], { batch: ROWS });
  assert.equal(plan.weightBytes, (256 * 64 + 256) * 4);
  assert.equal(plan.optimizerBytes, 0, 'a variable that the targets do not use');
  assert.ok(plan.peakBytes - plan.weightBytes - NARROW - WIDE < 1024, `${plan.peakBytes}`);
  assert.equal(planMemory(builder, [target.node, update], { batch: ROWS }).optimizerBytes, 256 * 64 * 4);
  const held = planMemory(builder, [target.node], { batch: ROWS }, { variables: [moment] });
  assert.equal(held.optimizerBytes, 256 * 64 * 4, 'a variable that the session holds all the same');
  // TensorFlow keeps a handle of 200 bytes beside each variable.
  assert.equal(held.peakBytes - plan.peakBytes, 256 * 64 * 4 + 200);
});

test('planMemory counts what needs nothing but feeds from the start, where the engine runs it', () => {
  const plan = (isEarly: boolean): number => {
    const builder = new GraphBuilder();
    const feed = builder.placeholder('feed', 'float32', [ROWS, 64]);
    const weight = readVariable(builder, variable(builder, 'weight', [ROWS, 64]));
    const early = isEarly ? tanh(builder, feed) : undefined;
    // The peak: three tensors of which none can take the place of another.
    const sum = add(builder, add(builder, weight, tanh(builder, weight)), tanh(builder, add(builder, weight, feed)));
    const target = add(builder, sum, early ?? tanh(builder, feed));
    return planMemory(builder, [target.node], {}).peakBytes;
  };
  assert.equal(plan(false), plan(true));
});

test('planMemory counts a device by itself: what it makes, and copies of what another one gives it', () => {
  const builder = new GraphBuilder();
  const other = '/device:GPU:1';
  const weight = builder.withCategory('weights', () => variable(builder, 'weight', [256, 64]));
  const sum = builder.withCategory('gradients', () => variable(builder, 'sum', [ROWS, 256]));
  const read = builder.withCategory('weights', () => readVariable(builder, weight));
  const project = (x: Tensor): Tensor => tanh(builder, linear(builder, x, read, builder.constant(0, 'float32', [256])));
  const wide = builder.withDevice(other, () => project(tanh(builder, builder.placeholder('x', 'float32', [ROWS, 64]))));
  const target = assignVariable(builder, sum, wide);
  const first = planMemory(builder, [target], {});
  const weightBytes = 256 * 64 * 4;
  // The variables, and a copy of the result without what the other device made on the way to it.
  assert.deepEqual([first.weightBytes, first.gradientBytes, first.activationBytes], [weightBytes, WIDE, WIDE]);
  const second = planMemory(builder, [target], {}, { device: other });
  assert.deepEqual([second.weightBytes, second.gradientBytes], [weightBytes, 0], 'a copy of what it reads');
  // x, its tanh and the product, which the bias and the second tanh are written over.
  const expected = weightBytes + 2 * NARROW + WIDE;
  assert.ok(second.peakBytes >= expected && second.peakBytes < expected + 2048, `${second.peakBytes}, ${expected}`);
  // The result stays until the first device comes for it, beside what is made after it.
  const later = builder.withDevice(other, () => project(builder.placeholder('y', 'float32', [2 * ROWS, 64])));
  const both = planMemory(builder, [target, later.node], {}, { device: other });
  // The feeds x and y, the weight, the first result and the second, twice as large.
  const withLater = 3 * NARROW + weightBytes + 3 * WIDE;
  assert.ok(both.peakBytes >= withLater && both.peakBytes < withLater + 2048, `${both.peakBytes}, ${withLater}`);
});

test('planMemory counts the float32 copies that products of bfloat16 are computed on', () => {
  const plan = (matmulDtype: 'float32' | 'bfloat16'): number => {
    const builder = new GraphBuilder({ matmulDtype });
    const x = builder.placeholder('x', matmulDtype === 'float32' ? 'float32' : 'bfloat16', [ROWS, 64]);
    const y = builder.placeholder('y', matmulDtype === 'float32' ? 'float32' : 'bfloat16', [64, 64]);
    const T = { kind: 'dtype', value: matmulDtype } as const;
    const product = builder.add('MatMul', [x, y], { T }, { dtype: matmulDtype, shape: [ROWS, 64] });
    return planMemory(builder, [product.node], {}).peakBytes;
  };
  const float32Bytes = (ROWS * 64 + 64 * 64 + ROWS * 64) * 4;
  assert.equal(plan('float32'), float32Bytes);
  assert.equal(plan('bfloat16'), float32Bytes / 2 + float32Bytes);
});

test('planMemory parts add up to the peak and grow with the batch', () => {
  const plan = (batch: number): MemoryPlan => planFeedForward(false, batch);
  const small = plan(ROWS);
  const { weightBytes, gradientBytes, optimizerBytes, activationBytes, workspaceBytes, peakBytes } = small;
  assert.equal(weightBytes + gradientBytes + optimizerBytes + activationBytes + workspaceBytes, peakBytes);
  assert.ok(plan(2 * ROWS).peakBytes > 1.8 * peakBytes);
});

test('planMemory shows what recomputation saves: one wide tensor a layer', () => {
  const saved = planFeedForward(false, ROWS).peakBytes - planFeedForward(true, ROWS).peakBytes;
  assert.ok(saved >= 3 * WIDE, `${saved / WIDE} wide tensors`);
});

test('planMemory refuses symbols without a value', () => {
  const builder = new GraphBuilder();
  const x = builder.placeholder('x', 'float32', [symbol('batch')]);
  assert.throws(() => planMemory(builder, [tanh(builder, x).node], {}), { code: 'UNBOUND_SYMBOL' });
});

test('zeros is an op that the engine does not fold into a constant', () => {
  // A folded Fill stays in the session for good, as large as the variable that it once cleared.
  assert.equal(zeros(new GraphBuilder(), [3], 'float32').node.op, 'Empty');
});

/** Four layers `gelu(x W1) W2` with residuals, forward and backward. */
function planFeedForward(isRecomputing: boolean, batch: number): MemoryPlan {
  const builder = new GraphBuilder();
  const input = builder.placeholder('x', 'float32', [symbol('batch'), 64]);
  const dimensions = new RuntimeDimensions(builder, input);
  assert.equal(dimensions.vector([symbol('batch'), 64]).dtype, 'int32');
  const weights: Tensor[] = [];
  const parameter = (name: string, shape: number[]): Tensor => {
    const tensor = readVariable(builder, variable(builder, name, shape));
    weights.push(tensor);
    return tensor;
  };
  let x = input;
  for (let layer = 0; layer < 4; layer++) {
    const [w1, b1] = [parameter(`w1.${layer}`, [256, 64]), parameter(`b1.${layer}`, [256])];
    const [w2, b2] = [parameter(`w2.${layer}`, [64, 256]), parameter(`b2.${layer}`, [64])];
    const wide = linear(builder, x, w1, b1);
    const back = (y: Tensor): Tensor => linear(builder, gelu(builder, y), w2, b2);
    x = add(builder, isRecomputing ? recompute(builder, wide, [w2, b2], back) : back(wide), x);
  }
  const loss = squaredErrorMean(builder, x, builder.placeholder('target', 'float32', [symbol('batch'), 64]));
  const map = gradients(builder, loss);
  const targets = weights.map((weight) => map.getDense(weight)!.node);
  return planMemory(builder, targets, { batch });
}
