/** Largest header in bytes; the reference implementation's limit. */
export const MAX_HEADER_LENGTH_BYTES = 100_000_000;

/** Largest index file of a sharded checkpoint: about 100 bytes a tensor, so far past any model's. */
export const MAX_INDEX_LENGTH_BYTES = 50_000_000;

/** Most shards of a checkpoint: each stays open. The largest published models have a few hundred. */
export const MAX_SHARD_COUNT = 2_000;

/** Most dimensions of a tensor. No model comes near; it bounds the work that a hostile header can cause. */
export const MAX_TENSOR_RANK = 64;
