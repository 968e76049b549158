import type { BlobReader } from '../blob-reader.ts';
import { MAX_ARRAY_LENGTH, MAX_STRING_LENGTH_BYTES } from './limits.ts';

/** A value of the metadata. Integers of 64 bits stay what they are. */
export type GgufValue = number | bigint | boolean | string | readonly GgufValue[];

// Numbers of the types in the file.
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;

interface Scalar {
  readonly lengthBytes: number;
  readonly get: (view: DataView, offset: number) => number | bigint | boolean;
}

const SCALARS: ReadonlyMap<number, Scalar> = new Map<number, Scalar>([
  [0, { lengthBytes: 1, get: (view, offset) => view.getUint8(offset) }],
  [1, { lengthBytes: 1, get: (view, offset) => view.getInt8(offset) }],
  [2, { lengthBytes: 2, get: (view, offset) => view.getUint16(offset, true) }],
  [3, { lengthBytes: 2, get: (view, offset) => view.getInt16(offset, true) }],
  [4, { lengthBytes: 4, get: (view, offset) => view.getUint32(offset, true) }],
  [5, { lengthBytes: 4, get: (view, offset) => view.getInt32(offset, true) }],
  [6, { lengthBytes: 4, get: (view, offset) => view.getFloat32(offset, true) }],
  [BOOL, { lengthBytes: 1, get: (view, offset) => view.getUint8(offset) !== 0 }],
  [10, { lengthBytes: 8, get: (view, offset) => view.getBigUint64(offset, true) }],
  [11, { lengthBytes: 8, get: (view, offset) => view.getBigInt64(offset, true) }],
  [12, { lengthBytes: 8, get: (view, offset) => view.getFloat64(offset, true) }],
]);

/** Reads a count of 64 bits. @throws SetupError MALFORMED above the limit */
export async function readCount(reader: BlobReader, name: string, limit: number): Promise<number> {
  const count = (await reader.next(8)).getBigUint64(0, true);
  if (count > BigInt(limit)) reader.fail(`its ${name} is ${count}, more than ${limit}`);
  return Number(count);
}

/** Reads a string: its length in bytes, then UTF-8. @throws SetupError MALFORMED */
export async function readString(reader: BlobReader, name: string): Promise<string> {
  const lengthBytes = await readCount(reader, `length of ${name}`, MAX_STRING_LENGTH_BYTES);
  const bytes = await reader.next(lengthBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    reader.fail(`${name} is not UTF-8`);
  }
}

/** Reads the value of a pair of the metadata: its type, then itself. @throws SetupError MALFORMED */
export async function readValue(reader: BlobReader, key: string): Promise<GgufValue> {
  const type = (await reader.next(4)).getUint32(0, true);
  const [value] = type === ARRAY ? [await readArray(reader, key)] : await readValues(reader, key, type, 1);
  return value ?? reader.fail(`"${key}" has no value`);
}

async function readArray(reader: BlobReader, key: string): Promise<readonly GgufValue[]> {
  const elementType = (await reader.next(4)).getUint32(0, true);
  return readValues(reader, key, elementType, await readCount(reader, `length of "${key}"`, MAX_ARRAY_LENGTH));
}

async function readValues(reader: BlobReader, key: string, type: number, count: number): Promise<GgufValue[]> {
  if (type === STRING) {
    const strings: string[] = [];
    for (let index = 0; index < count; index += 1) strings.push(await readString(reader, `a string of "${key}"`));
    return strings;
  }
  // An array of arrays, which no tokenizer or Llama has, ends here too.
  const scalar =
    SCALARS.get(type) ?? reader.fail(`"${key}" has values of type ${type}; types 0 to 8 and 10 to 12 are read`);
  const view = await reader.next(count * scalar.lengthBytes);
  return Array.from({ length: count }, (_, index) => scalar.get(view, index * scalar.lengthBytes));
}
