import { dimensionAt, gather, multiplyDimensions, transpose, type Dimension, type Tensor } from '@pemmican/graph';
import { lengthColumn, lengthRange } from './attention-mask.ts';
import { LENGTH, type ForwardContext } from './forward-context.ts';

/** How distances between tokens fall into buckets (T5, arXiv 1910.10683, section 2.1). */
export interface RelativePositionBuckets {
  readonly bucketCount: number;
  /** Distances from here on share the last bucket. */
  readonly maxDistance: number;
  /** Whether tokens after have buckets of their own; otherwise they share bucket 0 with the token itself. */
  readonly isBidirectional: boolean;
}

/**
 * The bucket of `key position - query position`: half of a direction's buckets hold one distance each, the others widen
 * with the logarithm. In float32 steps, as torch computes it: a double would put some distances one bucket further.
 */
export function relativePositionBucket(relativePosition: number, buckets: RelativePositionBuckets): number {
  const perDirection = buckets.isBidirectional ? Math.floor(buckets.bucketCount / 2) : buckets.bucketCount;
  const isAfter = relativePosition > 0;
  const first = buckets.isBidirectional && isAfter ? perDirection : 0;
  const distance = buckets.isBidirectional ? Math.abs(relativePosition) : Math.max(0, -relativePosition);
  const exact = Math.floor(perDirection / 2);
  if (distance < exact) return first + distance;
  const logarithm = Math.fround(Math.log(Math.fround(distance / exact)));
  const share = Math.fround(logarithm / Math.fround(Math.log(buckets.maxDistance / exact)));
  const bucket = exact + Math.trunc(Math.fround(share * (perDirection - exact)));
  return first + Math.min(bucket, perDirection - 1);
}

/**
 * Learned scores of relative positions, `[1, headCount, length, length]`: element `[0, h, i, j]` is what head `h` adds for
 * the key at `j` seen from the query at `i`.
 * @param name of the matrix `[bucketCount, headCount]`
 * @param length of the sequence, which is both queries and keys
 */
export function relativePositionScores(
  context: ForwardContext,
  name: string,
  buckets: RelativePositionBuckets,
  length: Dimension = LENGTH,
): Tensor {
  const distances = context.builder.add(
    'Sub',
    [lengthRange(context, length), lengthColumn(context, length)],
    { T: { kind: 'dtype', value: 'int32' } },
    { dtype: 'int32', shape: [length, length] },
  );
  return distanceScores(context, name, buckets, distances);
}

/**
 * Learned scores of distances, `[1, headCount, queryLength, keyLength]`.
 * @param distances int32 `[queryLength, keyLength]`, key position - query position
 */
export function distanceScores(
  context: ForwardContext,
  name: string,
  buckets: RelativePositionBuckets,
  distances: Tensor,
): Tensor {
  const { builder } = context;
  const int32 = { kind: 'dtype', value: 'int32' } as const;
  const { maxDistance } = buckets;
  const table = builder.constant(
    Array.from({ length: 2 * maxDistance + 1 }, (_, index) => relativePositionBucket(index - maxDistance, buckets)),
    'int32',
  );
  const type = { dtype: 'int32', shape: distances.shape } as const;
  // Everything from maxDistance on is in the last bucket.
  let indices = builder.add('Maximum', [distances, builder.constant(-maxDistance, 'int32')], { T: int32 }, type);
  indices = builder.add('Minimum', [indices, builder.constant(maxDistance, 'int32')], { T: int32 }, type);
  indices = builder.add('AddV2', [indices, builder.constant(maxDistance, 'int32')], { T: int32 }, type);
  const ids = gather(builder, table, indices);
  const [queryLength, keyLength] = [dimensionAt(distances.shape, 0), dimensionAt(distances.shape, 1)];
  const rows = context.embedding(name, context.reshape(ids, [multiplyDimensions(queryLength, keyLength)]));
  const headCount = dimensionAt(rows.shape, 1);
  const scores = transpose(builder, context.reshape(rows, [queryLength, keyLength, headCount]), [2, 0, 1]);
  return context.reshape(scores, [1, headCount, queryLength, keyLength]);
}
