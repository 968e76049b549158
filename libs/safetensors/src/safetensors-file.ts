import type { ByteSource } from './byte-source.ts';
import { SafetensorsError } from './error.ts';
import { readHeader, type TensorInfo } from './header.ts';

/** One safetensors file, read lazily: opening it reads the header only. */
export class SafetensorsFile {
  readonly source: ByteSource;
  /** Tensors by name, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly headerLengthBytes: number;

  private constructor(
    source: ByteSource,
    tensors: ReadonlyMap<string, TensorInfo>,
    metadata: Readonly<Record<string, string>> | undefined,
    headerLengthBytes: number,
  ) {
    this.source = source;
    this.tensors = tensors;
    this.metadata = metadata;
    this.headerLengthBytes = headerLengthBytes;
  }

  /** @throws SafetensorsError */
  static async open(source: ByteSource): Promise<SafetensorsFile> {
    const header = await readHeader(source);
    return new SafetensorsFile(
      source,
      new Map(header.tensors.map((tensor) => [tensor.name, tensor])),
      header.metadata,
      header.lengthBytes,
    );
  }

  /** @throws SafetensorsError TensorNotFound */
  get(name: string): TensorInfo {
    const tensor = this.tensors.get(name);
    if (tensor === undefined)
      throw new SafetensorsError('TensorNotFound', this.source.name, `there is no tensor "${name}"`);
    return tensor;
  }

  /** All bytes of a tensor. */
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(this.get(name).lengthBytes);
    await this.readRange(name, 0, bytes);
    return bytes;
  }

  /**
   * Fills `target` with the tensor's bytes from `offsetBytes` on.
   * @throws RangeError when the range leaves the tensor
   */
  async readRange(name: string, offsetBytes: number, target: Uint8Array): Promise<void> {
    const tensor = this.get(name);
    if (offsetBytes < 0 || offsetBytes + target.length > tensor.lengthBytes) {
      throw new RangeError(
        `Cannot read bytes ${offsetBytes} to ${offsetBytes + target.length} of tensor "${name}" with ${tensor.lengthBytes} bytes`,
      );
    }
    await this.source.read(tensor.offsetBytes + offsetBytes, target);
  }
}
