/** Pairs of the metadata; the file at hand has 33. */
export const MAX_METADATA_COUNT = 4096;
/** Tensors; the file at hand has 272. */
export const MAX_TENSOR_COUNT = 4096;
/** Dimensions of a tensor, as in ggml. */
export const MAX_DIMENSION_COUNT = 4;
/** Elements of an array of the metadata; the vocabulary at hand has 49,152 pieces. */
export const MAX_ARRAY_LENGTH = 1_000_000;
/** Bytes of a key, a name, a piece or a chat template. */
export const MAX_STRING_LENGTH_BYTES = 1_000_000;
/** Each size of the model: rows, columns, heads, layers, positions. */
export const MAX_SIZE = 10_000_000;
/** Bytes that tensors are aligned to; 32 where the file does not say. */
export const MAX_ALIGNMENT_BYTES = 65_536;
