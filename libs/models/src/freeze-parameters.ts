import { ModelError } from './error.ts';
import type { Model, ParameterSpec } from './model-family.ts';
import { matchesPattern } from './name-pattern.ts';

/**
 * The model with the parameters frozen that patterns match. A matrix that is both embedding and output matrix is one
 * parameter, and so frozen in both places.
 * @param patterns whole names, in which `*` stands for any run of characters
 * @throws ModelError UNKNOWN_PARAMETER from `parameters`, where a pattern matches nothing
 */
export function freezeParameters(model: Model, patterns: readonly string[]): Model {
  if (patterns.length === 0) return model;
  return {
    ...model,
    parameters: (task, labelCount, ...rows) => {
      const specs = model.parameters(task, labelCount, ...rows);
      const frozen = new Set(patterns.flatMap((pattern) => matching(specs, pattern)));
      return specs.map((spec) => (frozen.has(spec) ? { ...spec, isFrozen: true } : spec));
    },
  };
}

function matching(specs: readonly ParameterSpec[], pattern: string): ParameterSpec[] {
  const found = specs.filter(({ name }) => matchesPattern(name, pattern));
  if (found.length > 0) return found;
  throw new ModelError(
    'UNKNOWN_PARAMETER',
    `No parameter is named as "${pattern}" says; there are ${namePatterns(specs.map(({ name }) => name)).join(', ')}`,
  );
}

/** Names with `*` in place of a layer's number: a model of 24 layers is listed as one. */
export function namePatterns(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => name.replace(/\.\d+\./g, '.*.')))];
}
