import type { GraphBuilder } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { dense } from './arithmetic.ts';
import { identity } from './shape.ts';

/**
 * The same value, once `before` is there. What is made of it in a recomputation of `before` is then computed again too: of a
 * tensor that the segment reads beside its input, the engine would keep the first computation's results.
 */
export function after(builder: GraphBuilder, x: Tensor, before: Tensor): Tensor {
  const output = identity(builder, x, { controlInputs: [before.node] });
  builder.record({ inputs: [x], output, backward: (dy) => [dense(dy)] });
  return output;
}
