import { DatasetError } from './error.ts';
import { reasonOf } from './show.ts';

/** Random access to the bytes of a file of records (structurally `ByteSource` of `@pemmican/safetensors`). */
export interface DatasetSource {
  /** What error messages call it; its extension decides the format where none is given. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Fills `target` with the bytes from `offset` on. */
  read(offset: number, target: Uint8Array): Promise<void>;
}

const CHUNK_BYTES = 1024 * 1024;

async function* fileChunks(
  source: DatasetSource,
  onRead: (bytes: number) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  for (let offset = 0; offset < source.sizeBytes; offset += CHUNK_BYTES) {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, source.sizeBytes - offset));
    await source.read(offset, chunk);
    onRead(offset + chunk.length);
    yield chunk;
  }
}

/** Whether the name says that the file is compressed. */
export function isGzip(name: string): boolean {
  return name.toLowerCase().endsWith('.gz');
}

/**
 * The bytes of a file from its beginning, decompressed where its name ends with `.gz` (RFC 1952, one member).
 * @param onRead told the bytes of the file that were read so far
 * @throws DatasetError MALFORMED when it cannot be decompressed
 */
export function readChunks(
  source: DatasetSource,
  onRead: (bytes: number) => void = () => undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = fileChunks(source, onRead);
  return isGzip(source.name) ? decompress(chunks, source.name) : chunks;
}

async function* decompress(
  chunks: AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>,
  fileName: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  // A failure to read is no fault of the compression, and goes on as it is.
  let readFailure: { error: unknown } | undefined;
  const compressed = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const next = await chunks.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      } catch (error) {
        readFailure = { error };
        throw error;
      }
    },
    async cancel() {
      await chunks.return();
    },
  });
  try {
    yield* compressed.pipeThrough(new DecompressionStream('gzip')) as ReadableStream<Uint8Array> &
      AsyncIterable<Uint8Array>;
  } catch (cause) {
    if (readFailure !== undefined) throw readFailure.error;
    throw new DatasetError(
      'MALFORMED',
      fileName,
      `cannot be decompressed as gzip: ${reasonOf(cause) || 'cut off or damaged'}`,
      {
        cause,
      },
    );
  }
}
