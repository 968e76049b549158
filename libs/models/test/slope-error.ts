import { binary, gradients, reduce, type GraphBuilder, type Tensor } from '@pemmican/graph';

/** Where a slope is taken, in float64. */
export interface SlopePoint {
  /** Not a constant itself: a gradient is asked of it. */
  readonly value: Tensor;
  readonly direction: Tensor;
  /** It stays where it is, and gets no gradient. */
  readonly isFrozen?: boolean;
}

/**
 * `(slope - difference) / difference`, a scalar of the graph: a loss' slope along a direction by `gradients`, and by central
 * differences. Rounding of the loss (1e-16) over twice a step of 2e-6 leaves about 1e-10; the formula's own error is of
 * order step^2. A mask of dropout that is drawn anew in the backward pass, or any dropped term, shows as more than 1e-2.
 */
export function slopeError(
  builder: GraphBuilder,
  points: readonly SlopePoint[],
  build: (values: readonly Tensor[]) => Tensor,
): { readonly error: Tensor; readonly loss: Tensor } {
  const step = 2e-6;
  const at = (shift: number): Tensor =>
    builder.withoutTape(() =>
      build(
        points.map(({ value, direction, isFrozen }) =>
          isFrozen === true
            ? value
            : binary(builder, 'AddV2', value, binary(builder, 'Mul', direction, builder.constant(shift))),
        ),
      ),
    );
  const [ahead, behind] = [at(step), at(-step)];
  const difference = binary(builder, 'RealDiv', binary(builder, 'Sub', ahead, behind), builder.constant(2 * step));
  const loss = build(points.map(({ value }) => value));
  const moved = points.filter(({ isFrozen }) => isFrozen !== true);
  const map = gradients(
    builder,
    loss,
    undefined,
    moved.map(({ value }) => value),
  );
  let slope = builder.constant(0);
  for (const { value, direction } of moved) {
    const product = binary(builder, 'Mul', map.getDense(value)!, direction);
    const axes = value.shape.map((_, axis) => axis);
    slope = binary(builder, 'AddV2', slope, reduce(builder, 'Sum', product, axes, false));
  }
  return { error: binary(builder, 'RealDiv', binary(builder, 'Sub', slope, difference), difference), loss };
}
