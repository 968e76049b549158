/** A way in which ggml stores weights. */
export interface TensorType {
  readonly name: 'F32' | 'Q4_1' | 'Q8_0';
  /** Weights that share a scale. */
  readonly blockElementCount: number;
  readonly blockLengthBytes: number;
  /** Writes the weights of the block that begins at byte `from`, to index `to` and on. */
  readonly expand: (block: DataView, from: number, values: Float32Array, to: number) => void;
}

// A product of a half and a small whole number, and its sum with another half, are exact in the doubles computed here:
// they are rounded once, on storing, as ggml's float32 arithmetic rounds them once.

/** Scale and least value in half precision; low nibbles are weights 0 to 15, high ones 16 to 31, each q * scale + least. */
function expandQ4(block: DataView, from: number, values: Float32Array, to: number): void {
  const scale = block.getFloat16(from, true);
  const least = block.getFloat16(from + 2, true);
  for (let index = 0; index < 16; index += 1) {
    const pair = block.getUint8(from + 4 + index);
    values[to + index] = (pair & 15) * scale + least;
    values[to + 16 + index] = (pair >> 4) * scale + least;
  }
}

/** Scale in half precision; 32 signed bytes, each q * scale. */
function expandQ8(block: DataView, from: number, values: Float32Array, to: number): void {
  const scale = block.getFloat16(from, true);
  for (let index = 0; index < 32; index += 1) values[to + index] = block.getInt8(from + 2 + index) * scale;
}

function copyF32(block: DataView, from: number, values: Float32Array, to: number): void {
  values[to] = block.getFloat32(from, true);
}

/** The types of the model at hand, by their numbers in the file. */
export const TENSOR_TYPES: ReadonlyMap<number, TensorType> = new Map<number, TensorType>([
  [0, { name: 'F32', blockElementCount: 1, blockLengthBytes: 4, expand: copyF32 }],
  [3, { name: 'Q4_1', blockElementCount: 32, blockLengthBytes: 20, expand: expandQ4 }],
  [8, { name: 'Q8_0', blockElementCount: 32, blockLengthBytes: 34, expand: expandQ8 }],
]);

/** Expands whole blocks to float32. */
export function expandBlocks(type: TensorType, bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const { blockElementCount, blockLengthBytes, expand } = type;
  const blockCount = bytes.length / blockLengthBytes;
  const values = new Float32Array(blockCount * blockElementCount);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let block = 0; block < blockCount; block += 1) {
    expand(view, block * blockLengthBytes, values, block * blockElementCount);
  }
  return values;
}
