import { bertModel } from './bert.ts';
import { debertaV2Model } from './deberta.ts';
import { distilbertModel } from './distilbert.ts';
import { electraModel } from './electra.ts';
import { ModelError } from './error.ts';
import { gemma2Model, gemma3TextModel } from './gemma.ts';
import { gpt2Model } from './gpt2.ts';
import { llamaModel } from './llama.ts';
import type { Model, Task } from './model-family.ts';
import { mpnetModel } from './mpnet.ts';
import { qwen2Model, qwen3Model } from './qwen.ts';
import { robertaModel } from './roberta.ts';
import { t5Model } from './t5.ts';

const FAMILIES: Readonly<Record<string, (config: unknown, fileName: string) => Model>> = {
  bert: bertModel,
  'deberta-v2': debertaV2Model,
  distilbert: distilbertModel,
  electra: electraModel,
  gemma2: gemma2Model,
  gemma3_text: gemma3TextModel,
  gpt2: gpt2Model,
  llama: llamaModel,
  mpnet: mpnetModel,
  mt5: (config, fileName) => t5Model('mt5', config, fileName),
  qwen2: qwen2Model,
  qwen3: qwen3Model,
  roberta: (config, fileName) => robertaModel('roberta', config, fileName),
  t5: (config, fileName) => t5Model('t5', config, fileName),
  'xlm-roberta': (config, fileName) => robertaModel('xlm-roberta', config, fileName),
};

/** Values of `model_type` that can be trained. */
export const SUPPORTED_MODEL_TYPES: readonly string[] = Object.keys(FAMILIES);

/**
 * The model that a parsed config.json describes.
 * @throws ModelError UNSUPPORTED_MODEL with the list of what is supported, INVALID_CONFIG
 */
export function parseModel(config: unknown, fileName: string): Model {
  const modelType =
    typeof config === 'object' && config !== null ? (config as Record<string, unknown>)['model_type'] : undefined;
  const family = typeof modelType === 'string' && Object.hasOwn(FAMILIES, modelType) ? FAMILIES[modelType] : undefined;
  if (family === undefined) {
    throw new ModelError(
      'UNSUPPORTED_MODEL',
      `${fileName}: model_type ${JSON.stringify(modelType)} is not supported; supported are ${SUPPORTED_MODEL_TYPES.join(', ')}`,
    );
  }
  return family(config, fileName);
}

/**
 * Checks that a family has a head for a task.
 * @param name of the model, for the message
 * @throws ModelError UNSUPPORTED_TASK with the list of what is supported
 */
export function requireTask(model: Model, task: Task, name: string): void {
  if (model.tasks.includes(task)) return;
  throw new ModelError(
    'UNSUPPORTED_TASK',
    `${name}: a ${model.modelType} model is not trained for ${task} here; it is for ${model.tasks.join(', ')}`,
  );
}
