import { dimensionsEqual, formatShape, multiplyDimensions, type Shape } from '../dimension.ts';
import { GraphError } from '../error.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { binary, concat, dense, dtypeAttribute } from './arithmetic.ts';
import { dimensionAt, type RuntimeDimensions } from './shape.ts';

/**
 * Each position with its neighbours: `y[b, i, j * size + c] = x[b, i + j - (kernelSize - 1) / 2, c]`, 0 past either end. A
 * linear map of it is a convolution over the sequence that keeps its length (torch.nn.Conv1d with padding on both sides).
 * @param x `[batch, length, size]`
 * @param kernelSize odd
 * @returns `[batch, length, kernelSize * size]`
 */
export function slidingWindows(
  builder: GraphBuilder,
  dimensions: RuntimeDimensions,
  x: Tensor,
  kernelSize: number,
): Tensor {
  const size = dimensionAt(x.shape, 2);
  if (x.shape.length !== 3 || typeof size !== 'number' || kernelSize % 2 !== 1)
    throw new GraphError('SHAPE_MISMATCH', `slidingWindows of ${formatShape(x.shape)} with a kernel of ${kernelSize}`);
  const sides = (kernelSize - 1) / 2;
  const widened = (value: Tensor): Tensor => pad(builder, value, sides);
  const from = (value: Tensor, start: number): Tensor => sliceAt(builder, dimensions, value, [0, start, 0], x.shape);
  const padded = widened(x);
  const parts = Array.from({ length: kernelSize }, (_, offset) => from(padded, offset));
  const output = concat(builder, parts, 2, kernelSize * size);
  builder.record({
    inputs: [x],
    output,
    backward: (dy) => {
      if (!dimensionsEqual(dimensionAt(dy.shape, 2), kernelSize * size))
        throw new GraphError('SHAPE_MISMATCH', `Gradient of slidingWindows is ${formatShape(dy.shape)}`);
      // Position i is neighbour j of position i - j + sides.
      const sums = parts.map((_, offset) => {
        const part = sliceAt(builder, dimensions, dy, [0, 0, offset * size], x.shape);
        return from(widened(part), 2 * sides - offset);
      });
      return [dense(sums.reduce((sum, part) => binary(builder, 'AddV2', sum, part)))];
    },
  });
  return output;
}

/** Zeros before the first and after the last position. */
function pad(builder: GraphBuilder, x: Tensor, sides: number): Tensor {
  const attributes = { T: dtypeAttribute(x.dtype), Tpaddings: dtypeAttribute('int32') };
  const paddings = builder.constant([0, 0, sides, sides, 0, 0], 'int32', [3, 2]);
  // Dimensions are products, so that `length + 2 sides` is none; twice the length is a bound of it for all but the shortest.
  const shape = [dimensionAt(x.shape, 0), multiplyDimensions(2, dimensionAt(x.shape, 1)), dimensionAt(x.shape, 2)];
  return builder.add('Pad', [x, paddings], attributes, { dtype: x.dtype, shape });
}

function sliceAt(
  builder: GraphBuilder,
  dimensions: RuntimeDimensions,
  x: Tensor,
  begin: readonly number[],
  shape: Shape,
): Tensor {
  const attributes = { T: dtypeAttribute(x.dtype), Index: dtypeAttribute('int32') };
  const inputs = [x, builder.constant(begin, 'int32'), dimensions.vector(shape)];
  return builder.add('Slice', inputs, attributes, { dtype: x.dtype, shape });
}
