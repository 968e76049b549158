import type { ByteSink, ByteSource, FolderReader, FolderWriter } from '@pemmican/safetensors';

/** What a folder holds is not what would be written. */
export class FolderDifference extends Error {
  override readonly name = 'FolderDifference';
}

/**
 * Compares what a job writes with what a folder holds and writes nothing: a job that ends without an error would have written
 * that folder, byte for byte.
 * @throws FolderDifference at the first byte that differs
 */
export class FolderComparison implements FolderWriter {
  readonly name: string;
  readonly #folder: FolderReader;

  constructor(folder: FolderReader) {
    this.name = folder.name;
    this.#folder = folder;
  }

  async write(fileName: string, write: (sink: ByteSink) => Promise<void>): Promise<void> {
    const source = await this.#folder.open(fileName);
    if (source === undefined) throw new FolderDifference(`${this.name} has no ${fileName}`);
    try {
      const sink = new ComparingSink(source);
      await write(sink);
      sink.end();
    } finally {
      await source.close();
    }
  }

  commit(): Promise<void> {
    return Promise.resolve();
  }

  abort(): Promise<void> {
    return Promise.resolve();
  }
}

class ComparingSink implements ByteSink {
  readonly name: string;
  readonly #source: ByteSource;
  #offsetBytes = 0;

  constructor(source: ByteSource) {
    this.name = source.name;
    this.#source = source;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const endBytes = this.#offsetBytes + bytes.length;
    if (endBytes > this.#source.sizeBytes) throw new FolderDifference(`${this.name} is shorter than ${endBytes} bytes`);
    const actual = new Uint8Array(bytes.length);
    await this.#source.read(this.#offsetBytes, actual);
    if (Buffer.compare(actual, bytes) !== 0)
      throw new FolderDifference(`${this.name} differs between byte ${this.#offsetBytes} and ${endBytes}`);
    this.#offsetBytes = endBytes;
  }

  /** @throws FolderDifference where the file goes on */
  end(): void {
    const { sizeBytes } = this.#source;
    if (sizeBytes !== this.#offsetBytes)
      throw new FolderDifference(`${this.name} has ${sizeBytes} bytes, not ${this.#offsetBytes}`);
  }
}
