import {
  GraphBuilder,
  encodeSavedModel,
  identity,
  readVariable,
  variable,
  variablePort,
  type VariablePort,
} from '@pemmican/graph';
import type { Model, ParameterSpec, Task } from '@pemmican/models';
import { FETCH, modelInputs, runtimeDimensions } from './program-feeds.ts';

/** A forward pass and nothing else: a seventh of the training graph's nodes, and no room for gradients or moments. */
export interface PredictionProgram {
  readonly savedModel: Uint8Array;
  readonly parameters: readonly { readonly spec: ParameterSpec; readonly weight: VariablePort }[];
}

/** Builds the graph whose {@link FETCH.evaluationLogits} are float32 `[batch, labelCount]`, or `[targets, labelCount]`. */
export function buildPredictionProgram(
  model: Model,
  options: { readonly task: Task; readonly labelCount: number; readonly vocabRows: number },
): PredictionProgram {
  const builder = new GraphBuilder({});
  const specs = model.parameters(options.task, options.labelCount, options.vocabRows);
  const variables = specs.map((spec) => ({
    spec,
    weight: builder.withCategory('weights', () => variable(builder, `weights/${spec.name}`, spec.shape)),
  }));
  const inputs = modelInputs(builder, options.task);
  const dimensions = runtimeDimensions(builder, inputs);
  builder.withoutTape(() => {
    const weights = new Map(variables.map(({ spec, weight }) => [spec.name, readVariable(builder, weight)]));
    const output = model.forward(builder, dimensions, weights, inputs, { task: options.task, isTraining: false });
    if (output.kind !== 'logits') throw new TypeError(`There are no logits to predict in ${options.task}`);
    identity(builder, output.logits, { name: FETCH.evaluationLogits });
  });
  const parameters = variables.map(({ spec, weight }) => ({ spec, weight: variablePort(builder, weight) }));
  return { savedModel: encodeSavedModel(builder, builder.constant(1)), parameters };
}
