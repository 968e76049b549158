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

/** The order of the reference writer: wide dtypes first, so that every tensor is aligned, then by name. */
export function referenceOrder<Entry extends { readonly name: string; readonly dtype: Dtype }>(entries: readonly Entry[]): Entry[] {
  return entries.toSorted((a, b) => DTYPE_SIZE_BITS[b.dtype] - DTYPE_SIZE_BITS[a.dtype] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

const HEADER_ALIGNMENT_BYTES = 8;

/**
 * Writes a safetensors file tensor by tensor, in the order given, holding no more than what an entry passes at a time.
 * @throws SafetensorsError WrongLength when an entry writes more or fewer bytes than its shape says
 */
export async function writeSafetensors(sink: ByteSink, entries: readonly TensorEntry[], metadata?: Readonly<Record<string, string>>): Promise<void> {
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  let offset = 0;
  for (const { name, dtype, shape } of entries) {
    if (name in header) throw new SafetensorsError('InvalidTensorView', sink.name, `tensor "${name}" is given twice`);
    const end = offset + tensorLengthBytes(dtype, shape);
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / HEADER_ALIGNMENT_BYTES) * HEADER_ALIGNMENT_BYTES;
  const prefix = new Uint8Array(8 + padded).fill(0x20, 8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(padded), true);
  prefix.set(json, 8);
  await sink.write(prefix);
  for (const entry of entries) await writeEntry(sink, entry);
}

async function writeEntry(sink: ByteSink, entry: TensorEntry): Promise<void> {
  const expected = tensorLengthBytes(entry.dtype, entry.shape);
  let written = 0;
  await entry.write({
    name: sink.name,
    write: (bytes) => {
      written += bytes.length;
      if (written > expected) throw new SafetensorsError('WrongLength', sink.name, `tensor "${entry.name}" takes ${expected} bytes, more came`);
      return sink.write(bytes);
    },
  });
  if (written !== expected) throw new SafetensorsError('WrongLength', sink.name, `tensor "${entry.name}" takes ${expected} bytes, ${written} came`);
}

/** An entry whose bytes are in memory. */
export function entryOf(name: string, dtype: Dtype, shape: readonly number[], bytes: Uint8Array): TensorEntry {
  return { name, dtype, shape, write: (sink) => sink.write(bytes) };
}
