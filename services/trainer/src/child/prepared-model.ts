import {
  ADAPTER_CONFIG_FILE_NAME,
  parseModel,
  resolveParameters,
  tiedAsIn,
  type Model,
  type ParameterSource,
  type ParameterSpec,
  type Task,
} from '@pemmican/models';
import { Checkpoint, type FolderReader } from '@pemmican/safetensors';
import { StorageError, openFolder, type HubOptions } from '@pemmican/storage';
import { Tokenizer } from '@pemmican/tokenizer';
import {
  TOKEN_ID_MAP_FILE_NAME,
  parseManifest,
  tokenIdMapOf,
  type TokenIdMap,
  type TokenIdMapManifest,
} from '@pemmican/vocabulary';
import { MAX_CONFIG_BYTES } from '../model-config.ts';
import { PreconditionError } from '../precondition-error.ts';

// Generous for a config (a few kB) and for the largest tokenizer files there are (33 MB).
const MAX_TOKENIZER_BYTES = 200_000_000;

// Files that a trained folder takes over unchanged.
const TOKENIZER_FILE_NAMES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'special_tokens_map.json',
  'vocab.txt',
  'added_tokens.json',
  'sentencepiece.bpe.model',
  'spiece.model',
  'generation_config.json',
] as const;

/** A model folder, opened and checked: config, weights, tokenizer and, when reduced, its token id map. */
export interface PreparedModel {
  readonly folder: FolderReader;
  readonly model: Model;
  readonly config: Readonly<Record<string, unknown>>;
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer;
  /** Set for a reduced folder. */
  readonly reduction:
    { readonly manifest: TokenIdMapManifest; readonly map: TokenIdMap; readonly manifestBytes: Uint8Array } | undefined;
  /** Rows of the embedding matrix in this folder. */
  readonly vocabRows: number;
  readonly tokenizerFiles: readonly { readonly fileName: string; readonly bytes: Uint8Array }[];
  /** Labels that the folder's head for the task has; undefined without one. */
  readonly headLabelCount: number | undefined;
}

/** @param task decides which head is looked for, and whether the tokenizer is to take words */
export async function prepareModel(
  modelUri: string,
  hub: HubOptions,
  task: Task = 'sequence-classification',
): Promise<PreparedModel> {
  const folder = await openFolder(modelUri, { hub });
  if ((await readFile(folder, ADAPTER_CONFIG_FILE_NAME, MAX_CONFIG_BYTES)) !== undefined)
    throw new PreconditionError(
      'IS_ADAPTER',
      `${folder.name}: is an adapter, not a model; \`pemmican restore\` merges it into the model that it was trained for`,
    );
  const config = parseJson(await requireFile(folder, 'config.json', MAX_CONFIG_BYTES), `${folder.name}/config.json`);
  const parsed = parseModel(config, `${folder.name}/config.json`);
  const checkpoint = await Checkpoint.open(folder);
  const reduction = await readReduction(folder);
  const model = await tiedAsIn(parsed, checkpoint, reduction?.map.keptTokenIds);
  const files = new Map<string, Uint8Array>();
  for (const fileName of TOKENIZER_FILE_NAMES) {
    const bytes = await readFile(folder, fileName, MAX_TOKENIZER_BYTES);
    if (bytes !== undefined) files.set(fileName, bytes);
  }
  const tokenizer = openTokenizer(folder.name, files, task === 'token-classification');
  const vocabRows = embeddingRows(model, checkpoint);
  const headName = model.headWeightName(task);
  checkRows({ folderName: folder.name, model, vocabRows, reduction });
  return {
    folder,
    model,
    config: config as Record<string, unknown>,
    checkpoint,
    tokenizer,
    reduction,
    vocabRows,
    tokenizerFiles: [...files].map(([fileName, bytes]) => ({ fileName, bytes })),
    headLabelCount: checkpoint.has(headName) ? checkpoint.get(headName).shape[0] : undefined,
  };
}

/** Rows of the output matrix in a folder: of its own one, where the family's head is not tied. */
export function outputRows({ model, checkpoint, vocabRows, reduction }: PreparedModel, task: Task): number {
  const outputMatrixName = model.outputMatrixName(task);
  if (outputMatrixName === undefined) return vocabRows;
  const name = model.checkpointNames(outputMatrixName).find((candidate) => checkpoint.has(candidate));
  // One that no checkpoint has is found missing where all tensors are looked for.
  if (name === undefined) return reduction?.manifest.fullVocabSize ?? vocabRows;
  return checkpoint.get(name).shape[0] ?? 0;
}

/** Where each parameter's value comes from and the name under which it is saved. */
export function locateParameters(
  prepared: PreparedModel,
  task: Task,
  labelCount: number,
): { specs: ParameterSpec[]; sources: ParameterSource[]; tensorNames: string[] } {
  const { model, checkpoint } = prepared;
  const specs = model.parameters(task, labelCount, prepared.vocabRows, outputRows(prepared, task));
  const sources = resolveParameters(model, checkpoint, specs);
  // A new pooler follows the checkpoint's convention: with or without the prefix, like the embedding matrix.
  const names = model.checkpointNames(model.embeddingMatrixName);
  const embeddingName = names.find((name) => checkpoint.has(name)) ?? model.embeddingMatrixName;
  const prefixLength = model.embeddingMatrixName.length - embeddingName.length;
  const tensorNames = sources.map(
    ({ spec, checkpointName }) =>
      checkpointName ?? (spec.name.startsWith(model.basePrefix) ? spec.name.slice(prefixLength) : spec.name),
  );
  return { specs, sources, tensorNames };
}

function openTokenizer(folderName: string, files: ReadonlyMap<string, Uint8Array>, areTextsWords: boolean): Tokenizer {
  const configBytes = files.get('tokenizer_config.json');
  const config =
    configBytes === undefined ? {} : { config: parseJson(configBytes, `${folderName}/tokenizer_config.json`) };
  const json = files.get('tokenizer.json');
  if (json !== undefined)
    return Tokenizer.fromJson(json, { fileName: `${folderName}/tokenizer.json`, areTextsWords, ...config });
  const vocabulary = files.get('vocab.txt');
  if (vocabulary !== undefined)
    return Tokenizer.fromVocabTxt(vocabulary, { fileName: `${folderName}/vocab.txt`, ...config });
  throw new PreconditionError('TOKENIZER_MISSING', `${folderName}: there is neither tokenizer.json nor vocab.txt`);
}

async function readReduction(folder: FolderReader): Promise<PreparedModel['reduction']> {
  const manifestBytes = await readFile(folder, TOKEN_ID_MAP_FILE_NAME, MAX_TOKENIZER_BYTES);
  if (manifestBytes === undefined) return undefined;
  const fileName = `${folder.name}/${TOKEN_ID_MAP_FILE_NAME}`;
  const manifest = parseManifest(parseJson(manifestBytes, fileName), fileName);
  return { manifest, map: await tokenIdMapOf(manifest, fileName), manifestBytes };
}

function embeddingRows(model: Model, checkpoint: Checkpoint): number {
  const name = model.checkpointNames(model.embeddingMatrixName).find((candidate) => checkpoint.has(candidate));
  return name === undefined ? model.vocabSize : (checkpoint.get(name).shape[0] ?? 0);
}

function checkRows(found: {
  folderName: string;
  model: Model;
  vocabRows: number;
  reduction: PreparedModel['reduction'];
}): void {
  const { folderName, model, vocabRows, reduction } = found;
  if (model.vocabSize !== vocabRows)
    throw new PreconditionError(
      'VOCAB_SIZE_MISMATCH',
      `${folderName}: config.json has vocab_size ${model.vocabSize}, the embedding matrix has ${vocabRows} rows`,
    );
  if (reduction !== undefined && reduction.manifest.reducedVocabSize !== vocabRows) {
    throw new PreconditionError(
      'TOKEN_ID_MAP_MISMATCH',
      `${folderName}: the token id map keeps ${reduction.manifest.reducedVocabSize} rows, the embedding matrix has ${vocabRows}`,
    );
  }
}

async function requireFile(folder: FolderReader, fileName: string, maxBytes: number): Promise<Uint8Array> {
  const bytes = await readFile(folder, fileName, maxBytes);
  if (bytes === undefined) throw new StorageError('NOT_FOUND', `${folder.name}/${fileName}`, 'there is no such file');
  return bytes;
}

async function readFile(folder: FolderReader, fileName: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const source = await folder.open(fileName);
  if (source === undefined) return undefined;
  try {
    if (source.sizeBytes > maxBytes)
      throw new StorageError('TOO_LARGE', source.name, `${source.sizeBytes} bytes are over the limit of ${maxBytes}`);
    const bytes = new Uint8Array(source.sizeBytes);
    await source.read(0, bytes);
    return bytes;
  } finally {
    await source.close();
  }
}

function parseJson(bytes: Uint8Array, fileName: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new PreconditionError('INVALID_JSON', `${fileName}: is not valid JSON`, { cause });
  }
}
