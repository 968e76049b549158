/**
 * DeBERTa's bucket of a distance: itself up to half of the buckets, from there on the logarithm up to `maxPosition`
 * (transformers' make_log_bucket_position). In float32 steps, as torch computes it: a double would put some distances one
 * bucket further.
 * @param distance query position - key position
 */
export function logBucket(distance: number, bucketCount: number, maxPosition: number): number {
  const middle = Math.floor(bucketCount / 2);
  const size = Math.abs(distance);
  if (size <= middle) return distance;
  const whole = Math.fround(Math.log(Math.fround((maxPosition - 1) / middle)));
  const share = Math.fround(Math.fround(Math.log(Math.fround(size / middle))) / whole);
  const bucket = Math.ceil(Math.fround(share * (middle - 1))) + middle;
  return distance < 0 ? -bucket : bucket;
}
