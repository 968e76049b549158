import type { ByteSource } from './byte-source.ts';
import { DTYPE_SIZE_BITS, isDtype, type Dtype } from './dtype.ts';
import { SafetensorsError, type SafetensorsErrorCode } from './error.ts';
import { findDuplicateKey } from './json-keys.ts';
import { MAX_HEADER_LENGTH_BYTES, MAX_TENSOR_RANK } from './limits.ts';

/** Where a tensor is in its file and what its bytes mean. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: Dtype;
  /** Row-major. */
  readonly shape: readonly number[];
  /** First byte, from the start of the file. */
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** The header of a safetensors file. */
export interface Header {
  /** Tensors in the order of their bytes in the file. */
  readonly tensors: readonly TensorInfo[];
  readonly metadata: Readonly<Record<string, string>> | undefined;
  /** Bytes before the tensors: 8 for the length, then the JSON with its padding. */
  readonly lengthBytes: number;
}

const LENGTH_FIELD_BYTES = 8;

/**
 * Reads and checks the header: everything that the file says is compared with its size, so that a tensor's bytes can be
 * trusted to lie inside the file, once, with no byte left over.
 * @throws SafetensorsError
 */
export async function readHeader(source: ByteSource): Promise<Header> {
  const fail = (code: ConstructorParameters<typeof SafetensorsError>[0], message: string, cause?: unknown): never => {
    throw new SafetensorsError(code, source.name, message, cause === undefined ? undefined : { cause });
  };
  if (source.sizeBytes < LENGTH_FIELD_BYTES)
    fail('HeaderTooSmall', `${source.sizeBytes} bytes are too few for a safetensors file`);
  const lengthField = new Uint8Array(LENGTH_FIELD_BYTES);
  await source.read(0, lengthField);
  const declared = new DataView(lengthField.buffer).getBigUint64(0, true);
  if (declared > BigInt(MAX_HEADER_LENGTH_BYTES))
    fail(
      'HeaderTooLarge',
      `header of ${declared} bytes is over the limit of ${MAX_HEADER_LENGTH_BYTES} (is it a safetensors file?)`,
    );
  const jsonLength = Number(declared); // at most MAX_HEADER_LENGTH_BYTES
  const dataStart = LENGTH_FIELD_BYTES + jsonLength;
  if (dataStart > source.sizeBytes)
    fail('InvalidHeaderLength', `header of ${jsonLength} bytes is longer than the file of ${source.sizeBytes} bytes`);
  const bytes = new Uint8Array(jsonLength);
  await source.read(LENGTH_FIELD_BYTES, bytes);
  let text = '';
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    fail('InvalidHeader', 'header is not valid UTF-8', cause);
  }
  if (!text.startsWith('{')) fail('InvalidHeaderStart', 'header does not start with "{"');
  const parsed = parseObject(text, source.name);
  const tensors: TensorInfo[] = [];
  let metadata: Record<string, string> | undefined;
  for (const [name, value] of Object.entries(parsed)) {
    if (name === '__metadata__') metadata = parseMetadata(value, source.name);
    else tensors.push(parseTensor(name, value, dataStart, source.name));
  }
  tensors.sort((a, b) => a.offsetBytes - b.offsetBytes || a.lengthBytes - b.lengthBytes);
  checkLayout(tensors, dataStart, source);
  return { tensors, metadata, lengthBytes: dataStart };
}

function parseObject(text: string, fileName: string): Record<string, unknown> {
  const fail = (message: string, cause?: unknown): never => {
    throw new SafetensorsError(
      'InvalidHeaderDeserialization',
      fileName,
      message,
      cause === undefined ? undefined : { cause },
    );
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return fail(`header is not valid JSON: ${String(cause)}`, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail('header is not a JSON object');
  const duplicate = findDuplicateKey(text);
  // One of the two tensors would be read under the name of both.
  if (duplicate !== undefined) return fail(`header has the key ${JSON.stringify(duplicate)} twice`);
  return value as Record<string, unknown>;
}

function parseMetadata(value: unknown, fileName: string): Record<string, string> {
  if (
    typeof value !== 'object' ||
    value === null ||
    Array.isArray(value) ||
    Object.values(value).some((entry) => typeof entry !== 'string')
  ) {
    throw new SafetensorsError(
      'InvalidHeaderDeserialization',
      fileName,
      '"__metadata__" is not a map of strings to strings',
    );
  }
  return value as Record<string, string>;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function parseTensor(name: string, value: unknown, dataStart: number, fileName: string): TensorInfo {
  const fail = (code: SafetensorsErrorCode, message: string): never => {
    throw new SafetensorsError(code, fileName, `tensor "${name}": ${message}`);
  };
  const invalid = (message: string): never => fail('InvalidHeaderDeserialization', message);
  if (typeof value !== 'object' || value === null) return invalid('its entry is not an object');
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (!isDtype(dtype)) {
    return fail(
      'UnsupportedDtype',
      `dtype ${JSON.stringify(dtype)} is not known; known are ${Object.keys(DTYPE_SIZE_BITS).join(', ')}`,
    );
  }
  if (!isNumberList(shape) || !shape.every((size) => Number.isInteger(size) && size >= 0))
    return invalid(`shape ${JSON.stringify(shape)} is not a list of counts`);
  if (shape.length > MAX_TENSOR_RANK) {
    return fail('TensorInvalidInfo', `${shape.length} dimensions are over the limit of ${MAX_TENSOR_RANK}`);
  }
  if (!isNumberList(offsets) || offsets.length !== 2)
    return invalid(`data_offsets ${JSON.stringify(offsets)} are not two offsets`);
  const [start = 0, end = 0] = offsets;
  if (!isCount(start) || !isCount(end) || start > end)
    return fail('InvalidOffset', `data_offsets [${start}, ${end}] are no range of bytes`);
  const sizeText = `shape [${shape.join(', ')}] of ${dtype}`;
  const bits = productOf(shape, DTYPE_SIZE_BITS[dtype]);
  if (bits === undefined) return fail('ValidationOverflow', `${sizeText} has more bytes than can be addressed`);
  if (bits % 8 !== 0) return fail('MisalignedSlice', `${sizeText} ends inside a byte`);
  if (bits / 8 !== end - start)
    return fail('TensorInvalidInfo', `${sizeText} takes ${bits / 8} bytes, data_offsets give ${end - start}`);
  return { name, dtype, shape, offsetBytes: dataStart + start, lengthBytes: end - start };
}

function isNumberList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number');
}

/** The product, or undefined where a step of it leaves the integers that a number holds exactly (also before a factor 0). */
function productOf(factors: readonly number[], first: number): number | undefined {
  let product = first;
  for (const factor of factors) {
    product *= factor;
    if (!Number.isSafeInteger(product)) return undefined;
  }
  return product;
}

function checkLayout(tensors: readonly TensorInfo[], dataStart: number, source: ByteSource): void {
  let expected = dataStart;
  for (const tensor of tensors) {
    if (tensor.offsetBytes !== expected) {
      const problem = tensor.offsetBytes < expected ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw new SafetensorsError(
        'InvalidOffset',
        source.name,
        `tensor "${tensor.name}" at byte ${tensor.offsetBytes} ${problem} (expected ${expected})`,
      );
    }
    expected += tensor.lengthBytes;
  }
  if (expected !== source.sizeBytes) {
    const problem = expected > source.sizeBytes ? 'the file is cut off' : 'bytes are left over';
    throw new SafetensorsError(
      'MetadataIncompleteBuffer',
      source.name,
      `tensors end at byte ${expected}, the file has ${source.sizeBytes}: ${problem}`,
    );
  }
}
