import { GradientMap } from './gradients.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { identity } from './ops/shape.ts';
import type { Gradient, Tensor } from './tensor.ts';

/**
 * Calls `segment` and keeps only its input for the backward pass, where the segment runs again (activation
 * recomputation, arXiv 1604.06174).
 *
 * The control edge from the output's gradient both delays the second run and keeps the engine from merging it with the
 * first one.
 * @param parameters every other tensor that `segment` reads and that gets a gradient
 */
export function recompute(
  builder: GraphBuilder,
  x: Tensor,
  parameters: readonly Tensor[],
  segment: (x: Tensor) => Tensor,
): Tensor {
  // Inside a recomputation the backward pass follows at once: keeping is cheaper than computing a third time.
  if (builder.isRecomputing) return segment(x);
  const output = builder.withoutTape(() => segment(x));
  builder.record({
    inputs: [x, ...parameters],
    output,
    backward: (outputGradient, needs): readonly (Gradient | undefined)[] => {
      const again = identity(builder, x, { controlInputs: [outputGradient.node] });
      const { value, tape } = builder.withRecomputation(() =>
        builder.withCategory('activations', () => segment(again)),
      );
      const map = new GradientMap(builder);
      map.accumulate(value, { kind: 'dense', value: outputGradient });
      builder.withoutTape(() => {
        map.propagate(
          tape,
          [again, ...parameters].filter((_, index) => needs[index] === true),
        );
      });
      return [map.get(again), ...parameters.map((parameter) => map.get(parameter))];
    },
  });
  return output;
}
