import type { ByteSink } from './byte-source.ts';
import { DTYPE_SIZE_BITS, type Dtype } from './dtype.ts';
import { SafetensorsError } from './error.ts';

/** A tensor to write; its bytes are asked for when their turn comes. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Writes exactly the tensor's bytes. */
  write(sink: ByteSink): Promise<void>;
}

/** Bytes of a tensor of this dtype and shape. */
export function tensorLengthBytes(dtype: Dtype, shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, DTYPE_SIZE_BITS[dtype]) / 8;
}

// The declaration order of `Dtype` in the reference implementation, which its writer sorts by.
const DTYPE_ORDER = Object.keys(DTYPE_SIZE_BITS);

/**
 * The order of the reference writer: dtypes from last declared to first, which is from wide to narrow so that every tensor is
 * aligned, then names.
 */
export function referenceOrder<Entry extends { readonly name: string; readonly dtype: Dtype }>(
  entries: readonly Entry[],
): Entry[] {
  return entries.toSorted(
    (a, b) =>
      DTYPE_ORDER.indexOf(b.dtype) - DTYPE_ORDER.indexOf(a.dtype) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
}

const HEADER_ALIGNMENT_BYTES = 8;
const LENGTH_FIELD_BYTES = 8;
const METADATA_KEY = '__metadata__';

/** What the header says of a tensor. */
export type TensorDescription = Pick<TensorEntry, 'name' | 'dtype' | 'shape'>;

/**
 * The bytes before the tensors: length field, JSON, padding with spaces to 8 bytes as the reference writer does.
 * @throws SafetensorsError InvalidTensorView for a name given twice or a shape that cannot be
 */
export function encodeHeader(
  tensors: readonly TensorDescription[],
  metadata?: Readonly<Record<string, string>>,
  fileName = 'header',
): Uint8Array<ArrayBuffer> {
  // A Map and pairs, not an object: a tensor may be called "__proto__", and "0" must keep its place.
  const fields = new Map<string, unknown>(metadata === undefined ? [] : [[METADATA_KEY, metadata]]);
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    if (name === METADATA_KEY || fields.has(name)) {
      throw new SafetensorsError(
        'InvalidTensorView',
        fileName,
        `tensor "${name}" is given twice or has a reserved name`,
      );
    }
    const end = offset + tensorLengthBytes(dtype, shape);
    if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0) || !Number.isSafeInteger(end)) {
      throw new SafetensorsError(
        'InvalidTensorView',
        fileName,
        `tensor "${name}" of shape [${shape.join(', ')}] and dtype ${dtype} does not take whole bytes`,
      );
    }
    fields.set(name, { dtype, shape, data_offsets: [offset, end] });
    offset = end;
  }
  const members = [...fields].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const padded = Math.ceil(json.length / HEADER_ALIGNMENT_BYTES) * HEADER_ALIGNMENT_BYTES;
  const header = new Uint8Array(LENGTH_FIELD_BYTES + padded).fill(0x20, LENGTH_FIELD_BYTES);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, LENGTH_FIELD_BYTES);
  return header;
}

/**
 * Writes a safetensors file tensor by tensor, in the order given, holding no more than what an entry passes at a time.
 * @throws SafetensorsError InvalidTensorView, WrongLength when an entry writes more or fewer bytes than its shape says
 */
export async function writeSafetensors(
  sink: ByteSink,
  entries: readonly TensorEntry[],
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await sink.write(encodeHeader(entries, metadata, sink.name));
  for (const entry of entries) await writeEntry(sink, entry);
}

async function writeEntry(sink: ByteSink, entry: TensorEntry): Promise<void> {
  const expected = tensorLengthBytes(entry.dtype, entry.shape);
  let written = 0;
  await entry.write({
    name: sink.name,
    write: (bytes) => {
      written += bytes.length;
      if (written > expected)
        throw new SafetensorsError(
          'WrongLength',
          sink.name,
          `tensor "${entry.name}" takes ${expected} bytes, more came`,
        );
      return sink.write(bytes);
    },
  });
  if (written !== expected)
    throw new SafetensorsError(
      'WrongLength',
      sink.name,
      `tensor "${entry.name}" takes ${expected} bytes, ${written} came`,
    );
}

/** An entry whose bytes are in memory. */
export function entryOf(name: string, dtype: Dtype, shape: readonly number[], bytes: Uint8Array): TensorEntry {
  return { name, dtype, shape, write: (sink) => sink.write(bytes) };
}
