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
  return name.endsWith('.gz');
}

/**
 * The bytes of a file from its beginning, decompressed where its name ends with `.gz`, without a byte order mark.
 * @param onRead told the bytes of the file that were read so far
 */
export async function* readChunks(
  source: DatasetSource,
  onRead: (bytes: number) => void = () => undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = fileChunks(source, onRead);
  let isFirst = true;
  for await (const chunk of isGzip(source.name) ? decompress(chunks) : chunks) {
    const hasMark = isFirst && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf;
    yield hasMark ? chunk.subarray(3) : chunk;
    isFirst = false;
  }
}

async function* decompress(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = chunks[Symbol.asyncIterator]();
  const compressed = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const next = await iterator.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
  });
  yield* compressed.pipeThrough(new DecompressionStream('gzip')) as ReadableStream<Uint8Array> &
    AsyncIterable<Uint8Array>;
}
