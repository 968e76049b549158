import {
  entryOf,
  writeSafetensors,
  type ByteSink,
  type ByteSource,
  type Dtype,
  type FolderReader,
  type FolderWriter,
} from '@pemmican/safetensors';

export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    sizeBytes: bytes.length,
    read: async (offset, target) => {
      if (offset + target.length > bytes.length) throw new RangeError(`${name}: read past the end`);
      target.set(bytes.subarray(offset, offset + target.length));
    },
    close: async () => undefined,
  };
}

/** A folder in memory; it has files only after `commit`. */
export class MemoryFolder implements FolderReader, FolderWriter {
  readonly name: string;
  readonly files = new Map<string, Uint8Array>();
  state: 'open' | 'committed' | 'aborted' = 'open';
  readonly #pending = new Map<string, Uint8Array>();

  constructor(name: string, files: Readonly<Record<string, Uint8Array | string>> = {}) {
    this.name = name;
    for (const [fileName, content] of Object.entries(files)) {
      this.files.set(fileName, typeof content === 'string' ? new TextEncoder().encode(content) : content);
    }
  }

  async list(): Promise<string[]> {
    return [...this.files.keys()].sort();
  }

  async open(fileName: string): Promise<ByteSource | undefined> {
    const bytes = this.files.get(fileName);
    return bytes === undefined ? undefined : memorySource(`${this.name}/${fileName}`, bytes);
  }

  async write(fileName: string, write: (sink: ByteSink) => Promise<void>): Promise<void> {
    this.#pending.set(fileName, await collect(`${this.name}/${fileName}`, write));
  }

  async commit(): Promise<void> {
    this.state = 'committed';
    for (const [fileName, bytes] of this.#pending) this.files.set(fileName, bytes);
  }

  async abort(): Promise<void> {
    if (this.state === 'open') this.state = 'aborted';
  }

  text(fileName: string): string {
    const bytes = this.files.get(fileName);
    if (bytes === undefined) throw new Error(`${this.name} has no ${fileName}`);
    return new TextDecoder().decode(bytes);
  }

  json(fileName: string): Record<string, unknown> {
    return JSON.parse(this.text(fileName)) as Record<string, unknown>;
  }
}

export async function collect(name: string, write: (sink: ByteSink) => Promise<void>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  // The writer may reuse its buffer after the promise resolves.
  await write({ name, write: async (bytes) => void chunks.push(bytes.slice()) });
  const all = new Uint8Array(chunks.reduce((total, chunk) => total + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}

export interface TestTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A safetensors file in memory, tensors in the order given. */
export async function fileOf(tensors: readonly TestTensor[], metadata?: Record<string, string>): Promise<Uint8Array> {
  const entries = tensors.map(({ name, dtype, shape, bytes }) => entryOf(name, dtype, shape, bytes));
  return collect('test', (sink) => writeSafetensors(sink, entries, metadata));
}

/** Uniform integers below a bound, the same for the same seed (mulberry32). */
export function randomIntegers(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

/** float32 values as bytes. */
export function float32Bytes(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}
