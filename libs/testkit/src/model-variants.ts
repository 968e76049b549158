import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Copies of a model folder, each with something changed; and other files, each in a folder of its own. */
export class ModelVariants {
  readonly #model: string;
  readonly #work: string;
  #count = 0;

  /** @param work folder that they are made in */
  constructor(model: string, work: string) {
    this.#model = model;
    this.#work = work;
  }

  /** A path in a new folder. */
  place(name: string): string {
    const folder = path.join(this.#work, `variant-${this.#count++}`);
    mkdirSync(folder);
    return path.join(folder, name);
  }

  file(content: string | Uint8Array, name = 'data.jsonl'): string {
    const file = this.place(name);
    writeFileSync(file, content);
    return file;
  }

  /** @param files what is written in place of the model's own; undefined leaves a file out */
  with(files: Readonly<Record<string, string | Uint8Array | undefined>>): string {
    const folder = this.place('model');
    cpSync(this.#model, folder, { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      if (content === undefined) rmSync(path.join(folder, name));
      else writeFileSync(path.join(folder, name), content);
    }
    return folder;
  }

  /** With other fields in config.json. */
  withConfig(changes: Readonly<Record<string, unknown>>, files: Parameters<ModelVariants['with']>[0] = {}): string {
    const config = JSON.parse(readFileSync(path.join(this.#model, 'config.json'), 'utf8')) as Record<string, unknown>;
    return this.with({ 'config.json': JSON.stringify({ ...config, ...changes }), ...files });
  }

  /** With another header over the bytes of its tensors. */
  withHeader(change: (header: string) => string): string {
    const bytes = readFileSync(path.join(this.#model, 'model.safetensors'));
    const length = Number(bytes.readBigUInt64LE());
    return this.withWeights(change(bytes.subarray(8, 8 + length).toString()), bytes.subarray(8 + length));
  }

  /** With more tensors, of zeros in float32. */
  withTensors(
    shapes: Readonly<Record<string, readonly number[]>>,
    files: Parameters<ModelVariants['with']>[0] = {},
  ): string {
    const bytes = readFileSync(path.join(this.#model, 'model.safetensors'));
    const length = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<string, unknown>;
    let end = bytes.length - 8 - length;
    const before = end;
    for (const [name, shape] of Object.entries(shapes)) {
      const sizeBytes = 4 * shape.reduce((product, size) => product * size, 1);
      header[name] = { dtype: 'F32', shape, data_offsets: [end, end + sizeBytes] };
      end += sizeBytes;
    }
    const tensors = Buffer.concat([bytes.subarray(8 + length), Buffer.alloc(end - before)]);
    return this.with({ 'model.safetensors': safetensorsOf(JSON.stringify(header), tensors), ...files });
  }

  /** With a header and bytes of tensors of one's own. */
  withWeights(header: string, tensors: Uint8Array): string {
    return this.with({ 'model.safetensors': safetensorsOf(header, tensors) });
  }

  /** With its weights cut off so many bytes before their end. */
  withCutWeights(missingBytes: number): string {
    return this.with({
      'model.safetensors': readFileSync(path.join(this.#model, 'model.safetensors')).subarray(0, -missingBytes),
    });
  }
}

/** The bytes of a safetensors file, whatever its header says. */
export function safetensorsOf(header: string, tensors: Uint8Array): Buffer {
  const json = Buffer.from(header);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([size, json, tensors]);
}
