/**
 * Model families on `@pemmican/graph`: config.json to parameters and forward pass, checkpoint names, first values.
 * @module
 */
export { ModelError, type ModelErrorCode } from './error.ts';
export {
  TASKS,
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
export { initializeParameter, readParameterRows, resolveParameters, type ParameterSource } from './parameter-loader.ts';
export { SeededRandom } from './random.ts';
export { SUPPORTED_MODEL_TYPES, parseModel, requireTask } from './registry.ts';
