import { GraphError } from '../error.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { binary, dense, dtypeAttribute } from './arithmetic.ts';
import { identity, type RuntimeDimensions } from './shape.ts';

/** Where dropout gets its random numbers from: a pure function of the step's seed and the place in the model. */
export interface DropoutSource {
  /** int32 `[2]`: fed anew each step. */
  readonly seed: Tensor;
  /** Number of this place, different for every dropout of the model. */
  readonly site: number;
}

/**
 * Sets each element to 0 with `probability` and divides the others by `1 - probability`. The mask depends on the fed seed
 * and the site only, so a recomputation and a resumed run draw it again.
 */
export function dropout(
  builder: GraphBuilder,
  dimensions: RuntimeDimensions,
  x: Tensor,
  probability: number,
  source: DropoutSource,
): Tensor {
  if (!(probability >= 0 && probability < 1))
    throw new GraphError('INVALID_ARGUMENT', `Dropout probability must be in [0, 1): ${probability}`);
  if (probability === 0) return x;
  const mask = (after: Tensor): Tensor => {
    const int32 = dtypeAttribute('int32');
    const siteSeed = builder.add(
      'AddV2',
      [source.seed, builder.constant([0, source.site], 'int32')],
      { T: int32 },
      { dtype: 'int32', shape: [2] },
    );
    // The control edge lets the backward pass draw the mask again in place of keeping it.
    const seed = identity(builder, siteSeed, { controlInputs: [after.node] });
    const uniform = builder.add(
      'StatelessRandomUniform',
      [dimensions.vector(x.shape), seed],
      { dtype: dtypeAttribute('float32'), T: int32, Tseed: int32 },
      { dtype: 'float32', shape: x.shape },
    );
    const keep = builder.add(
      'GreaterEqual',
      [uniform, builder.constant(probability, 'float32')],
      { T: dtypeAttribute('float32') },
      { dtype: 'bool', shape: x.shape },
    );
    const factor = builder.add(
      'Cast',
      [keep],
      { SrcT: dtypeAttribute('bool'), DstT: dtypeAttribute(x.dtype) },
      { dtype: x.dtype, shape: x.shape },
    );
    return binary(builder, 'Mul', factor, builder.constant(1 / (1 - probability), x.dtype));
  };
  const output = binary(builder, 'Mul', x, mask(x));
  builder.record({ inputs: [x], output, backward: (dy) => [dense(binary(builder, 'Mul', dy, mask(dy)))] });
  return output;
}
