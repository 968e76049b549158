import { GradientMap } from './gradients.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { binary } from './ops/arithmetic.ts';
import { identity } from './ops/shape.ts';
import type { Gradient, Tensor } from './tensor.ts';

type Branch = (x: Tensor) => Tensor;

/**
 * `main(x) + side(x)`.
 *
 * Gradients are made in turn: those of `side`, then those of `main`. Left to itself the engine would begin with both, and
 * keep what `main` gives to `x` alive beside all that `side` makes on its way there (a mask of dropout is as wide as `x`).
 * @param parameters every other tensor that the two read and that gets a gradient
 */
export function addSideBranch(
  builder: GraphBuilder,
  x: Tensor,
  parameters: readonly Tensor[],
  main: Branch,
  side: Branch,
): Tensor {
  const ofMain = builder.withFreshTape(() => main(x));
  const ofSide = builder.withFreshTape(() => side(x));
  const inputs = [x, ...parameters];
  const output = binary(builder, 'AddV2', ofMain.value, ofSide.value);
  builder.record({
    inputs,
    output,
    backward: (dy, needs): readonly (Gradient | undefined)[] => {
      const sources = inputs.filter((_, index) => needs[index] === true);
      const map = new GradientMap(builder);
      map.accumulate(ofSide.value, { kind: 'dense', value: dy });
      map.propagate(ofSide.tape, sources);
      const first = map.getDense(x);
      const later = first === undefined ? dy : identity(builder, dy, { controlInputs: [first.node] });
      map.accumulate(ofMain.value, { kind: 'dense', value: later });
      map.propagate(ofMain.tape, sources);
      return inputs.map((input) => map.get(input));
    },
  });
  return output;
}
