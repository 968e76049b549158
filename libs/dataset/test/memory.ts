import assert from 'node:assert/strict';
import {
  DatasetError,
  readRecords,
  type DatasetErrorCode,
  type DatasetRecord,
  type DatasetSource,
  type ReadOptions,
} from '../src/mod.ts';

/** Bytes in memory as a source. */
export class MemorySource implements DatasetSource {
  readonly name: string;
  readonly #bytes: Uint8Array;
  /** Bytes read so far. */
  readBytes = 0;

  constructor(name: string, content: string | Uint8Array) {
    this.name = name;
    this.#bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    if (offset + target.length > this.#bytes.length) throw new RangeError(`${this.name}: read past the end`);
    this.readBytes += target.length;
    target.set(this.#bytes.subarray(offset, offset + target.length));
  }
}

/** All that an iterable gives. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** All records of a file. */
export async function recordsOf(
  name: string,
  content: string | Uint8Array,
  options: ReadOptions = {},
): Promise<DatasetRecord[]> {
  return collect(readRecords(new MemorySource(name, content), options));
}

/** Expects reading to fail with that code and a message that fits. */
export async function assertFails(
  name: string,
  content: string | Uint8Array,
  code: DatasetErrorCode,
  message: string | RegExp,
  options: ReadOptions = {},
): Promise<void> {
  await assert.rejects(recordsOf(name, content, options), (error) => {
    assert.ok(error instanceof DatasetError, `${String(error)} is no DatasetError`);
    assert.equal(error.code, code);
    assert.equal(error.fileName, name);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

/** Bytes joined. */
export function bytesOf(...parts: readonly (string | readonly number[] | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    parts.flatMap((part) => (typeof part === 'string' ? [...new TextEncoder().encode(part)] : [...part])),
  );
}

/** Compresses with gzip. */
export async function gzip(content: string | Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([content]).stream().pipeThrough(new CompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
