/**
 * Model families on `@pemmican/graph`: config.json to parameters and forward pass, checkpoint names, first values.
 * @module
 */
export { ModelError, type ModelErrorCode } from './error.ts';
export {
  TASKS,
  hasTargetSequence,
  hasTokenTargets,
  isLanguageModeling,
  type ForwardOptions,
  type Initializer,
  type Model,
  type ModelInputs,
  type ModelOutput,
  type ParameterSpec,
  type Task,
} from './model-family.ts';
export type { Generation, GenerationState, GenerationStep, WrittenToken } from './generation.ts';
export { adapterNames, isTrainedByRows, loraScaling, withLora, type LoraOptions } from './lora.ts';
export { ALL_LINEAR, moduleOf } from './lora-modules.ts';
export {
  ADAPTER_CONFIG_FILE_NAME,
  ADAPTER_ROWS_SUFFIX,
  ADAPTER_TENSOR_PREFIX,
  ADAPTER_WEIGHTS_FILE_NAME,
  adapterConfig,
  adapterTensorName,
  checkAdapterTensors,
  parseAdapterConfig,
  type ParsedAdapter,
} from './peft-adapter.ts';
export { freezeParameters } from './freeze-parameters.ts';
export {
  initializeParameter,
  readParameterRows,
  resolveParameters,
  type ParameterSource,
  type TensorReader,
} from './parameter-loader.ts';
export { SeededRandom } from './random.ts';
export { SUPPORTED_MODEL_TYPES, parseModel, requireTask } from './registry.ts';
export { tiedAsIn } from './tied-output.ts';
