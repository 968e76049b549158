import type { BlobReader } from '../blob-reader.ts';
import { MAX_ALIGNMENT_BYTES, MAX_DIMENSION_COUNT, MAX_METADATA_COUNT, MAX_SIZE, MAX_TENSOR_COUNT } from './limits.ts';
import { GgufMetadata } from './metadata.ts';
import { TENSOR_TYPES, type TensorType } from './tensor-type.ts';
import { readCount, readString } from './value.ts';

/** Where a tensor lies in the file and how. */
export interface GgufTensor {
  readonly type: TensorType;
  /** From slow to fast, as safetensors has it: the file has the columns first. */
  readonly shape: readonly number[];
  readonly offset: number;
  readonly lengthBytes: number;
}

/** All of a GGUF file except for the tensors' bytes. */
export interface GgufHeader {
  readonly metadata: GgufMetadata;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

const MAGIC = 'GGUF';
// Version 1 had lengths of 32 bits; big-endian files have their version in the other bytes.
const VERSIONS: readonly number[] = [2, 3];
const DEFAULT_ALIGNMENT_BYTES = 32;

/**
 * Reads the head of a GGUF file (docs/gguf.md in ggml's sources): metadata and directory of tensors.
 * Ours, since the parser on npm reads zeros where a file is cut off and calls that a model.
 * @throws SetupError MALFORMED
 */
export async function readGgufHeader(reader: BlobReader): Promise<GgufHeader> {
  const magic = new TextDecoder('latin1').decode(await reader.next(4));
  if (magic !== MAGIC) reader.fail(`it begins with "${magic}" where "${MAGIC}" is expected`);
  const version = (await reader.next(4)).getUint32(0, true);
  if (!VERSIONS.includes(version)) reader.fail(`it has version ${version}, not one of ${VERSIONS.join(', ')}`);
  const tensorCount = await readCount(reader, 'tensor count', MAX_TENSOR_COUNT);
  const pairCount = await readCount(reader, 'metadata count', MAX_METADATA_COUNT);
  const metadata = await GgufMetadata.read(reader, pairCount);
  const tensors = new Map<string, GgufTensor>();
  for (let index = 0; index < tensorCount; index += 1) {
    const name = await readString(reader, `name of tensor ${index}`);
    if (tensors.has(name)) reader.fail(`it has tensor "${name}" twice`);
    tensors.set(name, await readTensor(reader, name));
  }
  return { metadata, tensors: place(reader, metadata, tensors) };
}

/** Reads a tensor; its offset counts from the end of the head, whose length is not known yet. */
async function readTensor(reader: BlobReader, name: string): Promise<GgufTensor> {
  const dimensionCount = (await reader.next(4)).getUint32(0, true);
  if (dimensionCount < 1 || dimensionCount > MAX_DIMENSION_COUNT) {
    reader.fail(`tensor "${name}" has ${dimensionCount} dimensions, not 1 to ${MAX_DIMENSION_COUNT}`);
  }
  const sizes: number[] = [];
  for (let index = 0; index < dimensionCount; index += 1) {
    sizes.push(await readCount(reader, `size ${index} of tensor "${name}"`, MAX_SIZE));
  }
  const view = await reader.next(4 + 8);
  const number = view.getUint32(0, true);
  const type = TENSOR_TYPES.get(number);
  if (type === undefined) {
    const known = [...TENSOR_TYPES].map(([id, each]) => `${id} (${each.name})`).join(', ');
    reader.fail(`tensor "${name}" has type ${number}; only ${known} are read`);
  }
  const [columnCount = 0] = sizes;
  if (columnCount % type.blockElementCount !== 0) {
    reader.fail(`tensor "${name}" has rows of ${columnCount}, not of blocks of ${type.blockElementCount}`);
  }
  const elementCount = sizes.reduce((product, size) => product * size, 1);
  const lengthBytes = (elementCount / type.blockElementCount) * type.blockLengthBytes;
  return { type, shape: sizes.toReversed(), offset: Number(view.getBigUint64(4, true)), lengthBytes };
}

/** Makes the tensors' offsets count from the begin of the file. */
function place(
  reader: BlobReader,
  metadata: GgufMetadata,
  tensors: ReadonlyMap<string, GgufTensor>,
): ReadonlyMap<string, GgufTensor> {
  const key = 'general.alignment';
  const alignment = metadata.has(key) ? metadata.count(key, 1, MAX_ALIGNMENT_BYTES) : DEFAULT_ALIGNMENT_BYTES;
  const begin = Math.ceil(reader.position / alignment) * alignment;
  const entries = [...tensors].map(([name, tensor]): [string, GgufTensor] => {
    const offset = begin + tensor.offset;
    if (tensor.offset % alignment !== 0) {
      reader.fail(`tensor "${name}" lies at ${tensor.offset}, not a multiple of ${alignment}`);
    }
    if (offset + tensor.lengthBytes > reader.sizeBytes) {
      reader.fail(`tensor "${name}" ends at ${offset + tensor.lengthBytes}, past the file's ${reader.sizeBytes} bytes`);
    }
    return [name, { ...tensor, offset }];
  });
  return new Map(entries);
}
