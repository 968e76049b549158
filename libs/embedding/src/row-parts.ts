import { fromFloat32, toFloat32, type ByteSource, type Dtype, type TensorInfo } from '@pemmican/safetensors';

import { convert, elementBytes, type BytePart } from './byte-part.ts';

/** The rows of a matrix in a file. */
export interface RowSource {
  readonly source: ByteSource;
  readonly startBytes: number;
  readonly rowBytes: number;
  readonly dtype: Dtype;
}

/** The rows of a tensor in its file. */
export function rowSourceOf({ offsetBytes, lengthBytes, shape, dtype }: TensorInfo, source: ByteSource): RowSource {
  return { source, startBytes: offsetBytes, rowBytes: lengthBytes / (shape[0] ?? 1), dtype };
}

// What one read fetches; of two kept rows farther apart than the gap, the rows between are not read.
const WINDOW_BYTES = 4 * 1024 * 1024;
const MAX_GAP_BYTES = 128 * 1024;

/** The kept rows of a matrix, one after another. */
export function gatherRowsPart(matrix: RowSource, keptTokenIds: Uint32Array): BytePart {
  const { rowBytes } = matrix;
  let window = new Uint8Array(0);
  return {
    lengthBytes: keptTokenIds.length * rowBytes,
    fill: async (offsetBytes, target) => {
      const endBytes = offsetBytes + target.length;
      let row = Math.floor(offsetBytes / rowBytes);
      while (row * rowBytes < endBytes) {
        const firstRow = row;
        const firstId = keptTokenIds[row] ?? 0;
        let lastId = firstId;
        while (++row * rowBytes < endBytes) {
          const id = keptTokenIds[row] ?? 0;
          if ((id - lastId) * rowBytes > MAX_GAP_BYTES || (id - firstId + 1) * rowBytes > WINDOW_BYTES) break;
          lastId = id;
        }
        const windowBytes = (lastId - firstId + 1) * rowBytes;
        if (window.length < windowBytes) window = new Uint8Array(Math.max(windowBytes, WINDOW_BYTES));
        const bytes = window.subarray(0, windowBytes);
        await matrix.source.read(matrix.startBytes + firstId * rowBytes, bytes);
        for (let index = firstRow; index < row; index++) {
          const from = ((keptTokenIds[index] ?? 0) - firstId) * rowBytes;
          copyRow(bytes, from, rowBytes, target, index * rowBytes - offsetBytes);
        }
      }
    },
  };
}

/** Copies a row to a position that may be partly outside of the target. */
function copyRow(bytes: Uint8Array, from: number, rowBytes: number, target: Uint8Array, to: number): void {
  const skip = Math.max(0, -to);
  const end = Math.min(rowBytes, target.length - to);
  target.set(bytes.subarray(from + skip, from + end), to + skip);
}

export interface MergeRowsOptions {
  /** The full matrix `[fullVocabSize, hiddenSize]`. */
  readonly full: RowSource;
  /** The trained rows `[reducedVocabSize, hiddenSize]`, in the order of the kept ids. */
  readonly trained: RowSource;
  readonly fullVocabSize: number;
  readonly hiddenSize: number;
  readonly keptTokenIds: Uint32Array;
  /** The trained row of each kept id; not given where they are in the order of the kept ids. */
  readonly trainedRows?: Uint32Array;
  /** Dtype of the output. */
  readonly dtype: Dtype;
  /** What rows that are not kept are multiplied by. */
  readonly unusedRowDecay: number;
}

/** The full matrix with the kept rows replaced by the trained ones. */
export function mergeRowsPart(options: MergeRowsOptions): BytePart {
  const { full, trained, fullVocabSize, hiddenSize, keptTokenIds, dtype, unusedRowDecay } = options;
  const trainedRowOf =
    options.trainedRows?.some((row, index) => row !== index) === true ? options.trainedRows : undefined;
  const rowBytes = full.dtype === dtype ? full.rowBytes : hiddenSize * elementBytes(dtype);
  return {
    lengthBytes: fullVocabSize * rowBytes,
    fill: async (offsetBytes, target) => {
      const firstRow = Math.floor(offsetBytes / rowBytes);
      const endRow = Math.ceil((offsetBytes + target.length) / rowBytes);
      const first = lowerBound(keptTokenIds, firstRow);
      const end = lowerBound(keptTokenIds, endRow);
      const [trainedRows] = await Promise.all([
        trainedRowOf === undefined
          ? readRows(trained, first, end - first, dtype)
          : readScattered(trained, trainedRowOf.subarray(first, end), dtype),
        first + (endRow - firstRow) === end ? undefined : readUnused(full, offsetBytes, target, dtype, unusedRowDecay),
      ]);
      for (let index = first; index < end; index++) {
        const row = keptTokenIds[index] ?? 0;
        copyRow(trainedRows, (index - first) * rowBytes, rowBytes, target, row * rowBytes - offsetBytes);
      }
    },
  };
}

async function readRows(
  matrix: RowSource,
  firstRow: number,
  rowCount: number,
  dtype: Dtype,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(rowCount * matrix.rowBytes);
  await matrix.source.read(matrix.startBytes + firstRow * matrix.rowBytes, bytes);
  return convert(bytes, matrix.dtype, dtype, matrix.source.name);
}

async function readScattered(
  matrix: RowSource,
  rowNumbers: Uint32Array,
  dtype: Dtype,
): Promise<Uint8Array<ArrayBuffer>> {
  const { rowBytes } = matrix;
  const bytes = new Uint8Array(rowNumbers.length * rowBytes);
  for (let first = 0, end = 0; first < rowNumbers.length; first = end) {
    const row = rowNumbers[first] ?? 0;
    // Rows that follow one another are read together.
    do end += 1;
    while (end < rowNumbers.length && rowNumbers[end] === row + end - first);
    await matrix.source.read(matrix.startBytes + row * rowBytes, bytes.subarray(first * rowBytes, end * rowBytes));
  }
  return convert(bytes, matrix.dtype, dtype, matrix.source.name);
}

async function readUnused(
  full: RowSource,
  offsetBytes: number,
  target: Uint8Array<ArrayBuffer>,
  dtype: Dtype,
  decay: number,
): Promise<void> {
  if (full.dtype === dtype && decay === 1) return full.source.read(full.startBytes + offsetBytes, target);
  const scale = elementBytes(full.dtype) / elementBytes(dtype);
  const bytes = new Uint8Array(target.length * scale);
  await full.source.read(full.startBytes + offsetBytes * scale, bytes);
  const values = toFloat32(full.dtype, bytes, full.source.name);
  if (decay !== 1) for (let index = 0; index < values.length; index++) values[index] = (values[index] ?? 0) * decay;
  target.set(fromFloat32(dtype, values, full.source.name));
}

/** Index of the first id that is not below `id`. */
export function lowerBound(ids: Uint32Array, id: number): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ids[middle] ?? 0) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
