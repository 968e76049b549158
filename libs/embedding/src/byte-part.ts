import { fromFloat32, toFloat32, type ByteSink, type ByteSource, type Dtype } from '@pemmican/safetensors';

/** A stretch of output bytes that can be produced in any block; a file's data is a list of them. */
export interface BytePart {
  readonly lengthBytes: number;
  /** Fills `target` with the part's bytes from `offsetBytes` (a multiple of {@link BLOCK_ALIGNMENT_BYTES}) on. */
  fill(offsetBytes: number, target: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** No block begins inside an element: the widest dtypes take 8 bytes. */
export const BLOCK_ALIGNMENT_BYTES = 8;

/** Bytes in memory. */
export function bytesPart(bytes: Uint8Array): BytePart {
  return {
    lengthBytes: bytes.length,
    fill: async (offsetBytes, target) => target.set(bytes.subarray(offsetBytes, offsetBytes + target.length)),
  };
}

/** A stretch of a file as it is. */
export function copyPart(source: ByteSource, startBytes: number, lengthBytes: number): BytePart {
  return { lengthBytes, fill: (offsetBytes, target) => source.read(startBytes + offsetBytes, target) };
}

/** Elements of one floating dtype, from `startBytes` of a file on, written as another. */
export function convertPart(
  source: ByteSource,
  startBytes: number,
  elementCount: number,
  from: Dtype,
  to: Dtype,
): BytePart {
  const fromBytes = elementBytes(from);
  const toBytes = elementBytes(to);
  return {
    lengthBytes: elementCount * toBytes,
    fill: async (offsetBytes, target) => {
      const bytes = new Uint8Array((target.length / toBytes) * fromBytes);
      await source.read(startBytes + (offsetBytes / toBytes) * fromBytes, bytes);
      target.set(convert(bytes, from, to, source.name));
    },
  };
}

/** @throws SafetensorsError UnsupportedDtype */
export function convert(bytes: Uint8Array<ArrayBuffer>, from: Dtype, to: Dtype, name: string): Uint8Array<ArrayBuffer> {
  return from === to ? bytes : fromFloat32(to, toFloat32(from, bytes, name), name);
}

/** Bytes of an element of a dtype that takes whole bytes. */
export function elementBytes(dtype: Dtype): number {
  const bytes = DTYPE_BYTES[dtype];
  if (bytes === undefined) throw new RangeError(`Elements of ${dtype} do not take whole bytes`);
  return bytes;
}

const DTYPE_BYTES: Readonly<Partial<Record<Dtype, number>>> = {
  F8_E4M3: 1,
  F8_E5M2: 1,
  F16: 2,
  BF16: 2,
  F32: 4,
  F64: 8,
};

// Two of these are held. They stay in the processor's cache between reading and writing: 8 MiB measured half as fast.
const BLOCK_BYTES = 2 * 1024 * 1024;

export interface CopyOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after each block with the number of its bytes. */
  readonly onBytes?: ((byteCount: number) => void) | undefined;
}

/** Writes parts one after another: while a block is being written the next is read. */
export async function writeParts(sink: ByteSink, parts: readonly BytePart[], options: CopyOptions = {}): Promise<void> {
  const buffers = [new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)] as const;
  const next = blockReader(parts);
  let turn: 0 | 1 = 0;
  let reading = next(buffers[turn]);
  for (;;) {
    const byteCount = await reading;
    if (byteCount === 0) return;
    options.signal?.throwIfAborted();
    const block = buffers[turn].subarray(0, byteCount);
    turn = turn === 0 ? 1 : 0;
    reading = next(buffers[turn]);
    // If writing fails, this read is no longer waited for, and its own failure must not go unhandled.
    reading.catch(() => undefined);
    try {
      await sink.write(block);
    } catch (error) {
      await reading.catch(() => undefined);
      throw error;
    }
    options.onBytes?.(byteCount);
  }
}

/** Fills buffer after buffer with the parts' bytes; 0 bytes at the end. */
function blockReader(parts: readonly BytePart[]): (buffer: Uint8Array<ArrayBuffer>) => Promise<number> {
  let index = 0;
  let offsetBytes = 0;
  return async (buffer) => {
    let filled = 0;
    for (;;) {
      const part = parts[index];
      if (part === undefined) return filled;
      const restBytes = part.lengthBytes - offsetBytes;
      const spaceBytes = buffer.length - filled;
      const takeBytes = restBytes <= spaceBytes ? restBytes : spaceBytes - (spaceBytes % BLOCK_ALIGNMENT_BYTES);
      if (restBytes > 0) {
        if (takeBytes === 0) return filled;
        await part.fill(offsetBytes, buffer.subarray(filled, filled + takeBytes));
        filled += takeBytes;
        offsetBytes += takeBytes;
      }
      if (offsetBytes === part.lengthBytes) {
        index += 1;
        offsetBytes = 0;
      }
    }
  };
}
