import { ConfigReader } from './config-reader.ts';
import { ModelError } from './error.ts';
import { isTrainedByRows, loraModulesOf, type LoraOptions } from './lora.ts';
import { HEAD_MODULES, isWithin, moduleOf } from './lora-modules.ts';
import type { Model, ParameterSpec, Task } from './model-family.ts';

/*
 * The folder in which PEFT keeps an adapter: these two files. Tensors have the names of the model's own parameters, and of
 * the adapters beside them, behind a prefix.
 */
export const ADAPTER_CONFIG_FILE_NAME = 'adapter_config.json';
export const ADAPTER_WEIGHTS_FILE_NAME = 'adapter_model.safetensors';
export const ADAPTER_TENSOR_PREFIX = 'base_model.model.';
/** What follows the embedding module's name where an adapter has some rows of it: they take the place of the model's own. */
export const ADAPTER_ROWS_SUFFIX = '.token_adapter.trainable_tokens_delta';
/** Largest token id that an adapter may name; the largest vocabularies have a few hundred thousand. */
const MAX_TOKEN_ID = 2 ** 31 - 1;

const TASK_TYPES: Readonly<Record<Task, string | null>> = {
  'sequence-classification': 'SEQ_CLS',
  regression: 'SEQ_CLS',
  'token-classification': 'TOKEN_CLS',
  'question-answering': 'QUESTION_ANS',
  'causal-lm': 'CAUSAL_LM',
  'seq2seq-lm': 'SEQ_2_SEQ_LM',
  // PEFT has no name for it.
  'masked-lm': null,
};

/** The name of a parameter's tensor in an adapter's file. */
export function adapterTensorName(spec: ParameterSpec, lora: Pick<LoraOptions, 'trainsEmbeddings'>): string {
  return ADAPTER_TENSOR_PREFIX + (isTrainedByRows(spec, lora) ? moduleOf(spec) + ADAPTER_ROWS_SUFFIX : spec.name);
}

/**
 * What PEFT's LoraConfig writes of an adapter.
 * @param model without adapters
 * @param run `baseModelName`: folder or hub name of the model that the adapter is for; `tokenIds`: of the rows that an adapter
 *   with an embedding matrix has, in their order and in the id space of that model
 */
export function adapterConfig(
  model: Model,
  lora: LoraOptions,
  run: {
    readonly task: Task;
    readonly labelCount: number;
    readonly baseModelName: string;
    readonly tokenIds?: Uint32Array;
  },
): Record<string, unknown> {
  const specs = model.parameters(run.task, run.labelCount, model.vocabSize);
  const { targets, trained } = loraModulesOf(model, run.task, specs, lora);
  return {
    peft_type: 'LORA',
    task_type: TASK_TYPES[run.task],
    base_model_name_or_path: run.baseModelName,
    inference_mode: true,
    r: lora.rank,
    lora_alpha: lora.alpha,
    lora_dropout: lora.dropout,
    use_rslora: lora.hasRankStabilization,
    target_modules: targets,
    modules_to_save: trained.length === 0 ? null : trained,
    fan_in_fan_out: specs.some(({ linear }) => linear === 'input-major'),
    bias: 'none',
    init_lora_weights: true,
    ...(run.tokenIds === undefined ? {} : { trainable_token_indices: [...run.tokenIds] }),
  };
}

/** What an adapter's config says, with the defaults of PEFT's LoraConfig. */
export interface ParsedAdapter {
  readonly lora: LoraOptions;
  /** Folder or hub name. */
  readonly baseModelName: string;
  /** Whether the model's matrices are `[inputSize, outputSize]`. */
  readonly isInputMajor: boolean;
  /** Token ids of the embedding rows that the adapter has, in its rows' order; undefined where it has none. */
  readonly tokenIds: Uint32Array | undefined;
}

// Fields that make another method of it when they are set.
const UNSUPPORTED_FIELDS = [
  'use_dora', 'use_qalora', 'alora_invocation_tokens', 'lora_bias', 'rank_pattern', 'alpha_pattern', 'layers_to_transform', 'layer_replication',
  'exclude_modules', 'target_parameters', 'megatron_config', 'ensure_weight_tying', 'arrow_config',
] as const; // prettier-ignore

/**
 * Reads an adapter_config.json, ours or PEFT's.
 * @throws ModelError INVALID_CONFIG that names the field, its value and what is supported
 */
export function parseAdapterConfig(fields: unknown, fileName: string): ParsedAdapter {
  const reader = new ConfigReader(fields, fileName);
  reader.choice('peft_type', '', ['LORA']);
  reader.choice('bias', 'none', ['none']);
  for (const field of UNSUPPORTED_FIELDS) if (isSet(reader.get(field))) reader.fail(field, 'not to be set');
  const saved = names(reader, 'modules_to_save');
  const tokenIds = tokenIdsOf(reader);
  return {
    lora: {
      rank: reader.count('r', 8),
      alpha: reader.number('lora_alpha', 8, Number.MIN_VALUE, Number.MAX_VALUE),
      dropout: reader.number('lora_dropout', 0, 0, 1),
      hasRankStabilization: reader.flag('use_rslora', false),
      targetModules: names(reader, 'target_modules'),
      drawnModules: saved.filter((module) => !isWithin(module, HEAD_MODULES)),
      trainsEmbeddings: tokenIds !== undefined,
    },
    baseModelName: text(reader, 'base_model_name_or_path'),
    isInputMajor: reader.flag('fan_in_fan_out', false),
    tokenIds,
  };
}

/** A list, of the input embedding's rows, or an object that names the embedding module. */
function tokenIdsOf(reader: ConfigReader): Uint32Array | undefined {
  const field = 'trainable_token_indices';
  const value = reader.get(field);
  if (!isSet(value)) return undefined;
  const lists = Array.isArray(value) ? [value] : Object.values(value as object);
  const [list] = lists as unknown[];
  if (lists.length !== 1 || !Array.isArray(list) || list.length === 0)
    // Not the value: lists of hundreds of thousands of ids are no message.
    return reader.fail(
      field,
      'a list of token ids, or an object with one',
      Array.isArray(value) || typeof value !== 'object' ? value : Object.keys(value as object),
    );
  const seen = new Set<number>();
  for (const [index, id] of (list as unknown[]).entries()) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > MAX_TOKEN_ID)
      return reader.fail(`${field}[${index}]`, `a token id from 0 to ${MAX_TOKEN_ID}`, id);
    if (seen.has(id)) return reader.fail(`${field}[${index}]`, 'no token id twice', id);
    seen.add(id);
  }
  return Uint32Array.from(seen);
}

function isSet(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== false;
}

function names(reader: ConfigReader, field: string): string[] {
  const value = reader.get(field) ?? [];
  const list = typeof value === 'string' && /^[\w.-]+$/.test(value) ? [value] : value;
  if (!Array.isArray(list) || !list.every((name) => typeof name === 'string'))
    return reader.fail(field, 'a list of names (regular expressions are not supported)');
  return list;
}

function text(reader: ConfigReader, field: string): string {
  const value = reader.get(field);
  return typeof value === 'string' && value !== '' ? value : reader.fail(field, 'the name of a model');
}

/**
 * Checks that an adapter's file has the tensors of a model's trained parameters and no others: with one that was left aside or
 * drawn anew it would be another model.
 * @param expected names of the tensors of the parameters that are not frozen
 * @throws ModelError MISSING_TENSOR
 */
export function checkAdapterTensors(
  fileName: string,
  tensorNames: readonly string[],
  expected: readonly string[],
): void {
  const missing = expected.find((name) => !tensorNames.includes(name));
  if (missing !== undefined)
    throw new ModelError(
      'MISSING_TENSOR',
      `${fileName}: has no tensor "${missing}", which adapter_config.json asks for`,
    );
  const unknown = tensorNames.filter((name) => !expected.includes(name));
  if (unknown.length === 0) return;
  throw new ModelError(
    'MISSING_TENSOR',
    `${fileName}: tensor "${unknown[0] ?? ''}" is of no module that adapter_config.json names${unknown.length > 1 ? `, nor are ${unknown.length - 1} others` : ''}`,
  );
}
