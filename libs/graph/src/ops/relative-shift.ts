import { dimensionsEqual, formatShape, multiplyDimensions } from '../dimension.ts';
import { GraphError } from '../error.ts';
import type { GraphBuilder, OutputType } from '../graph-builder.ts';
import type { Tensor } from '../tensor.ts';
import { dense, dtypeAttribute } from './arithmetic.ts';
import { dimensionAt, type RuntimeDimensions } from './shape.ts';

/**
 * From scores by distance to scores by position: `y[n, i, j] = x[n, i, j - i + length]` (Transformer-XL, arXiv 1901.02860,
 * appendix B). Column `c` of `x` is what a row gives to the distance `c - length`.
 *
 * One row further, the same position is one column less. So the elements wanted lie `2 length - 1` apart in memory: two
 * slices and two reshapes reach them, where gathering would take an index for each.
 * @param x `[n, length, 2 length]`
 * @returns `[n, length, length]`
 */
export function relativeShift(builder: GraphBuilder, dimensions: RuntimeDimensions, x: Tensor): Tensor {
  const [count, length, width] = [dimensionAt(x.shape, 0), dimensionAt(x.shape, 1), dimensionAt(x.shape, 2)];
  if (x.shape.length !== 3 || !dimensionsEqual(width, multiplyDimensions(2, length)))
    throw new GraphError('SHAPE_MISMATCH', `relativeShift of ${formatShape(x.shape)}, not [n, length, 2 length]`);
  const T = dtypeAttribute(x.dtype);
  const int32 = dtypeAttribute('int32');
  const integer = (value: number): Tensor => builder.constant(value, 'int32');
  const vector = (...values: Tensor[]): Tensor =>
    builder.add(
      'Pack',
      values,
      { T: int32, N: { kind: 'int', value: values.length } },
      { dtype: 'int32', shape: [values.length] },
    );
  const rows = dimensions.scalar(count);
  const size = dimensions.scalar(length);
  // Shapes of what lies between count `length` elements a row too many: dimensions are products.
  const flat: OutputType = { dtype: x.dtype, shape: [count, multiplyDimensions(length, width)] };
  const reshapeTo = (value: Tensor, shape: Tensor, type: OutputType): Tensor =>
    builder.add('Reshape', [value, shape], { T, Tshape: int32 }, type);
  const slice = (value: Tensor, begin: Tensor, sizes: Tensor, type: OutputType): Tensor =>
    builder.add('Slice', [value, begin, sizes], { T, Index: int32 }, type);

  const skewed = slice(
    reshapeTo(x, vector(rows, integer(-1)), flat),
    vector(integer(0), size),
    builder.constant([-1, -1], 'int32'),
    flat,
  );
  const output = slice(
    reshapeTo(skewed, vector(rows, size, integer(-1)), { dtype: x.dtype, shape: x.shape }),
    builder.constant([0, 0, 0], 'int32'),
    vector(integer(-1), integer(-1), size),
    { dtype: x.dtype, shape: [count, length, length] },
  );
  builder.record({
    inputs: [x],
    output,
    backward: (dy) => {
      const pad = (value: Tensor, before: Tensor[], after: Tensor[], type: OutputType): Tensor => {
        const sides = before.map((first, axis) => vector(first, after[axis] ?? integer(0)));
        const paddings = builder.add(
          'Pack',
          sides,
          { T: int32, N: { kind: 'int', value: sides.length } },
          { dtype: 'int32', shape: [sides.length, 2] },
        );
        return builder.add('Pad', [value, paddings], { T, Tpaddings: int32 }, type);
      };
      const zero = integer(0);
      const missing = builder.add('Sub', [size, integer(1)], { T: int32 }, { dtype: 'int32', shape: [] });
      const widened = pad(dy, [zero, zero, zero], [zero, zero, missing], { dtype: x.dtype, shape: x.shape });
      const straight = pad(reshapeTo(widened, vector(rows, integer(-1)), flat), [zero, size], [zero, zero], flat);
      return [dense(reshapeTo(straight, dimensions.vector(x.shape), { dtype: x.dtype, shape: x.shape }))];
    },
  });
  return output;
}
