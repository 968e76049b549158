import {
  Checkpoint,
  SafetensorsFile,
  isConvertible,
  toFloat32,
  type FolderReader,
  type TensorInfo,
} from '@pemmican/safetensors';
import { TOKEN_ID_MAP_FILE_NAME } from '@pemmican/vocabulary';

import { adaptedRowsPart, fullTokenIdsOf, readAdapterMap, type AdapterMap, type AdapterRows } from './adapter-rows.ts';
import { convertPart } from './byte-part.ts';
import { CONFIG_FILE_NAME, ModelConfig } from './config-file.ts';
import { findEmbeddingMatrix, isInputEmbedding } from './embedding-matrix.ts';
import { embeddingNames } from './embedding-names.ts';
import { EmbeddingError } from './error.ts';
import { checkpointFingerprint } from './fingerprint.ts';
import { mergedPart } from './merged-part.ts';
import { copyTensor, type PlannedTensor } from './planned-checkpoint.ts';
import { insertAligned, restoreConfig } from './restored-checkpoint.ts';
import { basePrefix, canonicalName, nameWithPrefix } from './tensor-names.ts';
import { committed, writeModelFolder, type SurgeryTarget } from './write-model-folder.ts';

const DOWN = '.lora_A.weight';
const UP = '.lora_B.weight';

/** What an adapter's own config says of its file. */
export interface AdapterFile {
  readonly fileName: string;
  /** What the names of the model's parameters have before them there. */
  readonly tensorPrefix: string;
  /** What the product of an adapter's two matrices is multiplied by. */
  readonly scaling: number;
  /** Matrices of the model are `[inputSize, outputSize]` (GPT-2's Conv1D). */
  readonly isInputMajor: boolean;
  /** What follows the embedding module's name where it has some rows in place of the model's. */
  readonly rowsSuffix: string;
  /** The tokens of these rows in the file's order, by the ids of the model that the adapter names. */
  readonly tokenIds: Uint32Array | undefined;
}

export interface MergeOptions extends SurgeryTarget {
  /** The whole model that the adapter was trained for. */
  readonly source: FolderReader;
  readonly trained: FolderReader;
  readonly adapter: AdapterFile;
  /** The model that the adapter names, where it can be opened: for {@link readAdapterMap}. */
  readonly base?: FolderReader;
}

export interface MergeResult {
  readonly writtenBytes: number;
  /** Matrices that an adapter was merged into. */
  readonly mergedModuleCount: number;
  /** Embedding rows that came from the adapter. */
  readonly mergedRowCount: number;
  readonly vocabSize: number;
}

/**
 * Writes the model with an adapter merged in: `W + scaling * B A` where there is one, the adapter's own tensors for what was
 * trained whole (a head), its rows of the embedding matrix in their places, and everything else byte for byte as in the
 * source. Names, dtypes, shards and tokenizer are the source's; config.json has the task's fields of the adapter's folder
 * where that has one.
 * @throws EmbeddingError MANIFEST_MISMATCH where the adapter was trained on a reduction of another model; MISSING_TENSOR,
 *   SHAPE_MISMATCH; SafetensorsError. Nothing is left of the destination then
 */
export async function mergeAdapter(options: MergeOptions): Promise<MergeResult> {
  return committed(options.destination, () => withFiles(options, (source, file) => merge(source, file, options)));
}

async function withFiles<Result>(
  { source, trained, adapter }: MergeOptions,
  action: (source: Checkpoint, file: SafetensorsFile) => Promise<Result>,
): Promise<Result> {
  const checkpoint = await Checkpoint.open(source);
  try {
    const bytes = await trained.open(adapter.fileName);
    if (bytes === undefined) throw new EmbeddingError('MISSING_FILE', trained.name, `has no ${adapter.fileName}`);
    try {
      return await action(checkpoint, await SafetensorsFile.open(bytes));
    } finally {
      await bytes.close();
    }
  } finally {
    await checkpoint.close();
  }
}

async function merge(source: Checkpoint, file: SafetensorsFile, options: MergeOptions): Promise<MergeResult> {
  const map = await readAdapterMap(options.trained, options.base);
  if (map !== undefined) await checkBase(source, map);
  const config = await ModelConfig.read(options.source);
  const planned = new AdaptedTensors(source, file, config, options);
  await planned.findEmbedding(config, map);
  const shards = [];
  for (const like of source.shards) {
    const tensors: PlannedTensor[] = [];
    for (const tensor of like.file.tensors.values()) tensors.push(await planned.planOf(tensor));
    shards.push({ like, tensors });
  }
  const last = shards.at(-1);
  for (const tensor of planned.added()) if (last !== undefined) insertAligned(last.tensors, tensor);
  const hasConfig = (await options.trained.list()).includes(CONFIG_FILE_NAME);
  const merged = hasConfig ? restoreConfig(config, await ModelConfig.read(options.trained)) : config;
  const model = { folder: options.source, checkpoint: source, shards, config: merged, hasFullTokenIds: true };
  return {
    writtenBytes: await writeModelFolder(model, options),
    mergedModuleCount: planned.mergedCount,
    mergedRowCount: options.adapter.tokenIds?.length ?? 0,
    vocabSize: config.getCount('vocab_size') ?? 0,
  };
}

/** An adapter that was trained on a reduced model fits the model that was reduced, and no other. */
async function checkBase(source: Checkpoint, { folder, manifest }: AdapterMap): Promise<void> {
  const { sourceFingerprint } = manifest;
  const actual = await checkpointFingerprint(source);
  if (sourceFingerprint === actual) return;
  throw new EmbeddingError(
    'MANIFEST_MISMATCH',
    `${folder.name}/${TOKEN_ID_MAP_FILE_NAME}`,
    `does not fit: the fingerprint of ${source.name} is ${actual}, the map says ${sourceFingerprint}`,
  );
}

/** Pairs an adapter's tensors with those of a source, whatever prefix the source uses. */
class AdaptedTensors {
  readonly #source: Checkpoint;
  readonly #file: SafetensorsFile;
  readonly #options: MergeOptions;
  readonly #prefix: string | undefined;
  /** By the canonical name of the parameter; adapters' matrices by that of the weight. */
  readonly #whole = new Map<string, TensorInfo>();
  readonly #adapters = new Map<string, { readonly down: TensorInfo; readonly up: TensorInfo }>();
  readonly #isPrefixed: boolean;
  /** The adapter's rows of the embedding matrix, as its file has them. */
  #rowsTensor: TensorInfo | undefined;
  /** The same, and the names of the source's tensors that get them. */
  #embedding: (AdapterRows & { readonly names: ReadonlySet<string> }) | undefined;
  mergedCount = 0;

  constructor(source: Checkpoint, file: SafetensorsFile, config: ModelConfig, options: MergeOptions) {
    this.#source = source;
    this.#file = file;
    this.#options = options;
    const modelType = config.get('model_type');
    const prefix = basePrefix(typeof modelType === 'string' ? modelType : undefined);
    this.#prefix = prefix;
    this.#isPrefixed = prefix !== undefined && source.tensorNames.some((name) => name.startsWith(prefix));
    for (const tensor of file.tensors.values()) this.#add(tensor);
    const known = new Set(source.tensorNames.map((name) => canonicalName(name, prefix)));
    for (const [name, { down }] of this.#adapters)
      if (!known.has(name))
        throw new EmbeddingError(
          'MISSING_TENSOR',
          source.name,
          `has no "${name}", which "${down.name}" was trained for`,
        );
  }

  /** Finds what the source calls its embedding matrix, be it by several names. Call it before any tensor is planned. */
  async findEmbedding(config: ModelConfig, map: AdapterMap | undefined): Promise<void> {
    const { trained, signal, adapter } = this.#options;
    const { tokenIds } = adapter;
    if (tokenIds === undefined) return;
    const tensor = this.#rowsTensor;
    if (tensor === undefined)
      throw new EmbeddingError(
        'MISSING_TENSOR',
        trained.name,
        `has no embedding rows, of which its config names ${tokenIds.length}`,
      );
    const { names } = await embeddingNames(this.#source, config, findEmbeddingMatrix(this.#source, config), signal);
    for (const name of names)
      if (this.#whole.has(canonicalName(name, this.#prefix)))
        throw new EmbeddingError('MISSING_TENSOR', trained.name, `has "${name}" whole and rows of it`);
    const rows = { tensor, source: this.#file.source };
    this.#embedding = { rows, names, matrixRows: Int32Array.from(await fullTokenIdsOf(trained, tokenIds, map)) };
  }

  #add(tensor: TensorInfo): void {
    const { tensorPrefix, rowsSuffix, tokenIds } = this.#options.adapter;
    const fail = (problem: string): never => {
      throw new EmbeddingError('MISSING_TENSOR', this.#options.trained.name, `tensor "${tensor.name}" ${problem}`);
    };
    if (!tensor.name.startsWith(tensorPrefix)) fail(`is not named ${tensorPrefix}*`);
    if (!isConvertible(tensor.dtype)) fail(`is ${tensor.dtype}, not a floating dtype`);
    const name = tensor.name.slice(tensorPrefix.length);
    if (name.endsWith(rowsSuffix)) {
      if (tokenIds === undefined) fail('has embedding rows, of which its config names none');
      const matrixName = `${name.slice(0, -rowsSuffix.length)}.weight`;
      if (this.#rowsTensor !== undefined) fail(`and "${this.#rowsTensor.name}" are both rows of the embedding matrix`);
      if (!isInputEmbedding(matrixName)) fail(`has rows of "${matrixName}", which is not the input embedding matrix`);
      this.#rowsTensor = tensor;
    } else if (name.endsWith(UP)) {
      if (!this.#file.tensors.has(tensor.name.slice(0, -UP.length) + DOWN)) fail('has no lora_A beside it');
    } else if (name.endsWith(DOWN)) {
      const up = this.#file.tensors.get(tensor.name.slice(0, -DOWN.length) + UP) ?? fail('has no lora_B beside it');
      this.#adapters.set(canonicalName(`${name.slice(0, -DOWN.length)}.weight`, this.#prefix), { down: tensor, up });
    } else this.#whole.set(canonicalName(name, this.#prefix), tensor);
  }

  /** A tensor of the source, as it is to be written. */
  async planOf(tensor: TensorInfo): Promise<PlannedTensor> {
    const name = canonicalName(tensor.name, this.#prefix);
    const whole = this.#whole.get(name);
    this.#whole.delete(name);
    if (whole !== undefined) return this.#converted(whole, tensor.name, tensor);
    if (this.#embedding?.names.has(tensor.name) === true) {
      const matrix = { tensor, source: this.#source.sourceOf(tensor.name) };
      const { dtype, shape } = tensor;
      return { name: tensor.name, dtype, shape, part: adaptedRowsPart(matrix, this.#embedding, dtype) };
    }
    const adapter = this.#adapters.get(name);
    return adapter === undefined
      ? copyTensor(this.#source, tensor, tensor.name)
      : this.#merged(tensor, adapter.down, adapter.up);
  }

  /** What the source does not have: a new head. Call it when every tensor of the source is planned. */
  added(): PlannedTensor[] {
    const [like] = this.#source.shards[0]?.file.tensors.values() ?? [];
    return [...this.#whole.values()].map((tensor) => {
      const name = tensor.name.slice(this.#options.adapter.tensorPrefix.length);
      const dtype = like !== undefined && isConvertible(like.dtype) ? like.dtype : tensor.dtype;
      return this.#converted(tensor, nameWithPrefix(name, this.#prefix, this.#isPrefixed), { dtype });
    });
  }

  /** A tensor of the adapter's file, in another dtype where need be. */
  #converted(tensor: TensorInfo, name: string, { dtype }: Pick<TensorInfo, 'dtype'>): PlannedTensor {
    const elementCount = tensor.shape.reduce((product, size) => product * size, 1);
    const part = convertPart(this.#file.source, tensor.offsetBytes, elementCount, tensor.dtype, dtype);
    return { name, dtype, shape: tensor.shape, part };
  }

  async #merged(tensor: TensorInfo, down: TensorInfo, up: TensorInfo): Promise<PlannedTensor> {
    const { isInputMajor, scaling } = this.#options.adapter;
    const [rank = 0, inputSize = 0] = down.shape;
    const [outputSize = 0, upRank = 0] = up.shape;
    const shape = isInputMajor ? [inputSize, outputSize] : [outputSize, inputSize];
    if (tensor.shape.join() !== shape.join() || rank !== upRank || !isConvertible(tensor.dtype))
      throw new EmbeddingError(
        'SHAPE_MISMATCH',
        this.#options.trained.name,
        `"${down.name}" [${down.shape.join(', ')}] and its lora_B [${up.shape.join(', ')}] do not fit "${tensor.name}", which is ${tensor.dtype} [${tensor.shape.join(', ')}] in ${this.#source.name}`,
      );
    const read = async ({ name, dtype }: TensorInfo): Promise<Float32Array> =>
      toFloat32(dtype, await this.#file.read(name), name);
    const adapter = { down: await read(down), up: await read(up), rank, scaling, isInputMajor };
    const [rowCount = 0, columnCount = 0] = tensor.shape;
    const matrix = {
      source: this.#source.sourceOf(tensor.name),
      startBytes: tensor.offsetBytes,
      dtype: tensor.dtype,
      rowCount,
      columnCount,
    };
    this.mergedCount += 1;
    return { name: tensor.name, dtype: tensor.dtype, shape: tensor.shape, part: mergedPart(matrix, adapter) };
  }
}
