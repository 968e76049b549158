/**
 * The safetensors format: lazy random access to files and sharded checkpoints, a streamed writer, and conversion of
 * floating dtypes.
 * @module
 */
export type { ByteSink, ByteSource, FolderReader, FolderWriter } from './byte-source.ts';
export { Checkpoint, INDEX_FILE_NAME, SINGLE_FILE_NAME, type Shard } from './checkpoint.ts';
export { CONVERTIBLE_DTYPES, fromFloat32, isConvertible, toFloat32, type ConvertibleDtype } from './convert.ts';
export { DTYPE_SIZE_BITS, isDtype, type Dtype } from './dtype.ts';
export { SafetensorsError, type SafetensorsErrorCode } from './error.ts';
export { readHeader, type Header, type TensorInfo } from './header.ts';
export { MAX_HEADER_LENGTH_BYTES } from './limits.ts';
export { SafetensorsFile } from './safetensors-file.ts';
export { areEqualTensors, firstTensorDifference } from './tensor-difference.ts';
export {
  encodeHeader,
  entryOf,
  referenceOrder,
  tensorLengthBytes,
  writeSafetensors,
  type TensorDescription,
  type TensorEntry,
} from './writer.ts';
