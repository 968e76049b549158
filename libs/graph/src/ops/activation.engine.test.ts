import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TensorflowSession } from '@pemmican/engine';
import { GraphBuilder, encodeSavedModel, gelu, geluTanh, identity, linear, relu, silu, symbol, tanh, type Tensor } from '../mod.ts'; // prettier-ignore

const WIDTH = 64;
const ROWS = 9;
// Float32's rounding of a handful of operations on values of up to 4, and the engine's own exp, erf and tanh.
const TOLERANCE = 2e-6;

/** Phi(x) by its power series, which float64 sums to 1e-12 for |x| < 5. */
function cumulative(x: number): number {
  let [term, sum] = [x, x];
  for (let k = 1; k < 200; k++) {
    term *= (-x * x) / (2 * k);
    sum += term / (2 * k + 1);
  }
  return 0.5 + sum / Math.sqrt(2 * Math.PI);
}

const ACTIVATIONS: Readonly<
  Record<string, readonly [(builder: GraphBuilder, x: Tensor) => Tensor, (x: number) => number]>
> = {
  relu: [relu, (x) => Math.max(x, 0)],
  tanh: [tanh, Math.tanh],
  silu: [silu, (x) => x / (1 + Math.exp(-x))],
  gelu: [gelu, (x) => x * cumulative(x)],
  geluTanh: [geluTanh, (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))],
};

// The engine replaces a product, a bias and some activations after them by one op of its own where nothing else reads what is
// between them, as nothing does without a backward pass. With oneDNN it took the tanh form of GELU for the exact one: up to 5e-4
// off, which moved a language model's loss by 4e-5 of it.
for (const [name, [activation, expected]] of Object.entries(ACTIVATIONS))
  test(`${name} of a linear map, without a backward pass, is itself`, () => {
    const builder = new GraphBuilder();
    const x = builder.placeholder('x', 'float32', [symbol('batch'), WIDTH]);
    const fetched = builder.withoutTape(() => {
      const diagonal = Array.from({ length: WIDTH * WIDTH }, (_, index) => (index % (WIDTH + 1) === 0 ? 1 : 0));
      const weight = builder.constant(diagonal, 'float32', [WIDTH, WIDTH]);
      const bias = builder.constant(
        Array.from({ length: WIDTH }, () => 0.25),
        'float32',
        [WIDTH],
      );
      return identity(builder, activation(builder, linear(builder, x, weight, bias, { isInputMajor: true })), { name: 'y' });
    });
    const session = TensorflowSession.open(encodeSavedModel(builder, fetched));
    const data = Float32Array.from({ length: ROWS * WIDTH }, (_, index) => 8 * (index / (ROWS * WIDTH) - 0.5));
    const [y] = session.run({ x: { dtype: 'float32', shape: [ROWS, WIDTH], data } }, ['y']);
    session.dispose();
    data.forEach((value, index) => {
      const want = expected(Math.fround(value + 0.25));
      assert.ok(
        Math.abs(y!.data[index]! - want) < TOLERANCE,
        `${name}(${value + 0.25}) is ${y!.data[index]}, not ${want}`,
      );
    });
  });
