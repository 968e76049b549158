import { ConfigReader } from './config-reader.ts';
import { ModelError } from './error.ts';
import { loraModulesOf, type LoraOptions } from './lora.ts';
import { HEAD_MODULES, isWithin } from './lora-modules.ts';
import type { Model, Task } from './model-family.ts';

/*
 * The folder in which PEFT keeps an adapter: these two files. Tensors have the names of the model's own parameters, and of
 * the adapters beside them, behind a prefix.
 */
export const ADAPTER_CONFIG_FILE_NAME = 'adapter_config.json';
export const ADAPTER_WEIGHTS_FILE_NAME = 'adapter_model.safetensors';
export const ADAPTER_TENSOR_PREFIX = 'base_model.model.';

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
export function adapterTensorName(parameterName: string): string {
  return ADAPTER_TENSOR_PREFIX + parameterName;
}

/** The parameter of a tensor in an adapter's file; undefined where the name is of no parameter. */
export function adapterParameterName(tensorName: string): string | undefined {
  return tensorName.startsWith(ADAPTER_TENSOR_PREFIX) ? tensorName.slice(ADAPTER_TENSOR_PREFIX.length) : undefined;
}

/**
 * What PEFT's LoraConfig writes of an adapter.
 * @param model without adapters
 * @param baseModelName folder or hub name of the model that the adapter is for
 */
export function adapterConfig(
  model: Model,
  lora: LoraOptions,
  run: { readonly task: Task; readonly labelCount: number; readonly baseModelName: string },
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
  };
}

/** What an adapter's config says, with the defaults of PEFT's LoraConfig. */
export interface ParsedAdapter {
  readonly lora: LoraOptions;
  /** Folder or hub name. */
  readonly baseModelName: string;
  /** Whether the model's matrices are `[inputSize, outputSize]`. */
  readonly isInputMajor: boolean;
}

// Fields that make another method of it when they are set.
const UNSUPPORTED_FIELDS = [
  'use_dora', 'use_qalora', 'alora_invocation_tokens', 'lora_bias', 'rank_pattern', 'alpha_pattern', 'layers_to_transform', 'layer_replication',
  'exclude_modules', 'target_parameters', 'trainable_token_indices', 'megatron_config', 'ensure_weight_tying', 'arrow_config',
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
  return {
    lora: {
      rank: reader.count('r', 8),
      alpha: reader.number('lora_alpha', 8, Number.MIN_VALUE, Number.MAX_VALUE),
      dropout: reader.number('lora_dropout', 0, 0, 1),
      hasRankStabilization: reader.flag('use_rslora', false),
      targetModules: names(reader, 'target_modules'),
      drawnModules: saved.filter((module) => !isWithin(module, HEAD_MODULES)),
    },
    baseModelName: text(reader, 'base_model_name_or_path'),
    isInputMajor: reader.flag('fan_in_fan_out', false),
  };
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
 * @param trained names of the parameters that are not frozen
 * @throws ModelError MISSING_TENSOR
 */
export function checkAdapterTensors(
  fileName: string,
  tensorNames: readonly string[],
  trained: readonly string[],
): void {
  const expected = trained.map(adapterTensorName);
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
