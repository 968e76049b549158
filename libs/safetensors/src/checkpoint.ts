import type { ByteSource, FolderReader } from './byte-source.ts';
import { SafetensorsError } from './error.ts';
import type { TensorInfo } from './header.ts';
import { MAX_INDEX_LENGTH_BYTES, MAX_SHARD_COUNT } from './limits.ts';
import { SafetensorsFile } from './safetensors-file.ts';

export const SINGLE_FILE_NAME = 'model.safetensors';
export const INDEX_FILE_NAME = 'model.safetensors.index.json';

/** One file of a checkpoint. */
export interface Shard {
  readonly fileName: string;
  readonly file: SafetensorsFile;
}

/** The tensors of a model folder, in one file or in shards with an index (transformers' layout). */
export class Checkpoint {
  readonly name: string;
  readonly shards: readonly Shard[];
  /** The index file as it is, when there is one. */
  readonly index: Readonly<Record<string, unknown>> | undefined;
  readonly #shardOf: ReadonlyMap<string, Shard>;

  private constructor(name: string, shards: readonly Shard[], index: Readonly<Record<string, unknown>> | undefined) {
    this.name = name;
    this.shards = shards;
    this.index = index;
    const shardOf = new Map<string, Shard>();
    for (const shard of shards) {
      for (const tensorName of shard.file.tensors.keys()) {
        const other = shardOf.get(tensorName);
        if (other !== undefined) {
          throw new SafetensorsError(
            'InvalidIndex',
            name,
            `tensor "${tensorName}" is in two shards, "${other.fileName}" and "${shard.fileName}"`,
          );
        }
        shardOf.set(tensorName, shard);
      }
    }
    this.#shardOf = shardOf;
  }

  /**
   * Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
   * @throws SafetensorsError
   */
  static async open(folder: FolderReader): Promise<Checkpoint> {
    const single = await folder.open(SINGLE_FILE_NAME);
    const shards: Shard[] = [];
    try {
      if (single !== undefined) {
        shards.push({ fileName: SINGLE_FILE_NAME, file: await openFile(single) });
        return new Checkpoint(folder.name, shards, undefined);
      }
      const { index, weightMap, indexName } = await readIndex(folder);
      for (const fileName of [...new Set(weightMap.values())].sort()) {
        const source = await folder.open(fileName);
        if (source === undefined)
          throw new SafetensorsError('MissingFile', indexName, `names the shard "${fileName}", which is not there`);
        shards.push({ fileName, file: await openFile(source) });
      }
      const shardByName = new Map(shards.map((shard) => [shard.fileName, shard]));
      for (const [tensorName, fileName] of weightMap) {
        if (shardByName.get(fileName)?.file.tensors.has(tensorName) !== true) {
          throw new SafetensorsError(
            'TensorNotFound',
            indexName,
            `tensor "${tensorName}" is not in its shard "${fileName}"`,
          );
        }
      }
      return new Checkpoint(folder.name, shards, index);
    } catch (error) {
      await Promise.all(shards.map(({ file }) => file.source.close()));
      throw error;
    }
  }

  /** Names of all tensors, shard by shard in the order of their bytes. */
  get tensorNames(): string[] {
    return [...this.#shardOf.keys()];
  }

  has(name: string): boolean {
    return this.#shardOf.has(name);
  }

  /** @throws SafetensorsError TensorNotFound */
  get(name: string): TensorInfo {
    return this.#file(name).get(name);
  }

  /** All bytes of a tensor. */
  read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#file(name).read(name);
  }

  /** Fills `target` with the tensor's bytes from `offsetBytes` on. */
  readRange(name: string, offsetBytes: number, target: Uint8Array): Promise<void> {
    return this.#file(name).readRange(name, offsetBytes, target);
  }

  /** The file that holds a tensor, in which its `offsetBytes` counts. */
  sourceOf(name: string): ByteSource {
    return this.#file(name).source;
  }

  async close(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.file.source.close()));
  }

  #file(name: string): SafetensorsFile {
    const shard = this.#shardOf.get(name);
    if (shard === undefined) throw new SafetensorsError('TensorNotFound', this.name, `there is no tensor "${name}"`);
    return shard.file;
  }
}

async function openFile(source: ByteSource): Promise<SafetensorsFile> {
  try {
    return await SafetensorsFile.open(source);
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function readIndex(folder: FolderReader): Promise<ReturnType<typeof parseIndex> & { indexName: string }> {
  const source = await folder.open(INDEX_FILE_NAME);
  if (source === undefined) {
    throw new SafetensorsError(
      'MissingFile',
      folder.name,
      `there is neither ${SINGLE_FILE_NAME} nor ${INDEX_FILE_NAME}`,
    );
  }
  try {
    if (source.sizeBytes > MAX_INDEX_LENGTH_BYTES) {
      throw new SafetensorsError(
        'InvalidIndex',
        source.name,
        `${source.sizeBytes} bytes are over the limit of ${MAX_INDEX_LENGTH_BYTES}`,
      );
    }
    const bytes = new Uint8Array(source.sizeBytes);
    await source.read(0, bytes);
    return { ...parseIndex(bytes, source.name), indexName: source.name };
  } finally {
    await source.close();
  }
}

// A shard's name comes from the file and is opened: nothing that could leave the folder.
const SHARD_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors$/;

function parseIndex(
  bytes: Uint8Array,
  fileName: string,
): { index: Record<string, unknown>; weightMap: Map<string, string> } {
  let index: unknown;
  try {
    index = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new SafetensorsError('InvalidIndex', fileName, `is not valid JSON: ${String(cause)}`, { cause });
  }
  const map =
    typeof index === 'object' && index !== null ? (index as Record<string, unknown>)['weight_map'] : undefined;
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    throw new SafetensorsError('InvalidIndex', fileName, 'has no "weight_map" object');
  const weightMap = new Map<string, string>();
  for (const [tensorName, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || !SHARD_NAME.test(shard))
      throw new SafetensorsError(
        'InvalidIndex',
        fileName,
        `tensor "${tensorName}" is in ${JSON.stringify(shard)}, which is no shard name`,
      );
    weightMap.set(tensorName, shard);
  }
  if (weightMap.size === 0) throw new SafetensorsError('InvalidIndex', fileName, '"weight_map" is empty');
  const count = new Set(weightMap.values()).size;
  if (count > MAX_SHARD_COUNT)
    throw new SafetensorsError('InvalidIndex', fileName, `${count} shards are over the limit of ${MAX_SHARD_COUNT}`);
  return { index: index as Record<string, unknown>, weightMap };
}
