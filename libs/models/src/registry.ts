import { bertModel } from './bert.ts';
import { ModelError } from './error.ts';
import type { Model } from './model-family.ts';

const FAMILIES: Readonly<Record<string, (config: unknown, fileName: string) => Model>> = { bert: bertModel };

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
