import type { ByteSink, ByteSource, FolderReader } from '../src/mod.ts';

/** Bytes in memory as a source that knows whether it has been closed. */
export class MemorySource implements ByteSource {
  readonly name: string;
  isClosed = false;
  /** Bytes read so far. */
  readBytes = 0;
  readonly #bytes: Uint8Array;

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.#bytes = bytes;
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    if (offset + target.length > this.#bytes.length) throw new RangeError(`${this.name}: read past the end`);
    this.readBytes += target.length;
    target.set(this.#bytes.subarray(offset, offset + target.length));
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** Files in memory; remembers what it has opened. */
export class MemoryFolder implements FolderReader {
  readonly name = 'folder';
  readonly opened: MemorySource[] = [];
  readonly #files: Readonly<Record<string, Uint8Array>>;

  constructor(files: Readonly<Record<string, Uint8Array>>) {
    this.#files = files;
  }

  async list(): Promise<string[]> {
    return Object.keys(this.#files).sort();
  }

  async open(fileName: string): Promise<ByteSource | undefined> {
    const bytes = this.#files[fileName];
    if (bytes === undefined) return undefined;
    const source = new MemorySource(`folder/${fileName}`, bytes);
    this.opened.push(source);
    return source;
  }
}

/** Collects what is written. */
export class MemorySink implements ByteSink {
  readonly name = 'sink';
  readonly chunks: Uint8Array[] = [];

  async write(bytes: Uint8Array): Promise<void> {
    this.chunks.push(bytes.slice());
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.chunks.reduce((total, chunk) => total + chunk.length, 0));
    let offset = 0;
    for (const chunk of this.chunks) {
      all.set(chunk, offset);
      offset += chunk.length;
    }
    return all;
  }
}

/** A file with this header text and data, and optionally another length than the text's in front. */
export function rawFile(header: string, dataBytes = 0, declaredLength?: bigint): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, declaredLength ?? BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

/** A file of uint8 tensors, one after another. */
export function bytesFile(tensors: Readonly<Record<string, number[]>>, metadata?: Record<string, string>): Uint8Array {
  let offset = 0;
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  for (const [name, bytes] of Object.entries(tensors)) {
    header[name] = { dtype: 'U8', shape: [bytes.length], data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
  }
  const file = rawFile(JSON.stringify(header), offset);
  file.set(Object.values(tensors).flat(), file.length - offset);
  return file;
}
