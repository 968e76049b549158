import { GradientMap } from './gradients.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { binary } from './ops/arithmetic.ts';
import { identity } from './ops/shape.ts';
import type { Tensor } from './tensor.ts';

/**
 * `activate(gate) * up`: a gated linear unit (arXiv 2002.05202).
 *
 * Its gradients are made in turn: first that of the activation's output, then that of `gate`, and what follows from `up`'s
 * waits for it. Left to itself the engine would do all at once, with one more tensor of this size alive.
 */
export function gated(builder: GraphBuilder, gate: Tensor, up: Tensor, activate: (gate: Tensor) => Tensor): Tensor {
  const { value: activated, tape } = builder.withFreshTape(() => activate(gate));
  const output = binary(builder, 'Mul', activated, up);
  builder.record({
    inputs: [gate, up],
    output,
    backward: (dy) => {
      const upGradient = binary(builder, 'Mul', dy, activated);
      const later = identity(builder, dy, { controlInputs: [upGradient.node] });
      const map = new GradientMap(builder);
      map.accumulate(activated, { kind: 'dense', value: binary(builder, 'Mul', later, up) });
      map.propagate(tape, [gate]);
      const gateGradient = map.getDense(gate);
      if (gateGradient === undefined) throw new TypeError('The activation passes no gradient on');
      return [
        { kind: 'dense', value: gateGradient },
        { kind: 'dense', value: identity(builder, upGradient, { controlInputs: [gateGradient.node] }) },
      ];
    },
  });
  return output;
}
