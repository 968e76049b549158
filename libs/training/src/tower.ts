import {
  crossEntropyMean,
  gradients,
  identity,
  reshape,
  squaredErrorMean,
  symbol,
  vocabularyCrossEntropyMean,
  type Gradient,
  type GraphBuilder,
  type RuntimeDimensions,
  type Tensor,
} from '@pemmican/graph';
import type { Model, ModelInputs, ModelOutput, ParameterSpec, Task } from '@pemmican/models';
import { canonicalGradient, globalNorm } from './adamw.ts';
import { FEED, FETCH, labelDimension, modelInputs, runtimeDimensions } from './program-feeds.ts';
import type { ProgramOptions } from './training-program.ts';

/** What one batch is fed by. */
export interface BatchInputs {
  readonly inputs: ModelInputs;
  readonly dimensions: RuntimeDimensions;
  readonly labels: Tensor;
}

export function batchInputs(builder: GraphBuilder, task: Task): BatchInputs {
  const inputs = modelInputs(builder, task);
  const dimensions = runtimeDimensions(builder, inputs);
  const labels = builder.placeholder(FEED.labels, task === 'regression' ? 'float32' : 'int32', [labelDimension(task)]);
  return { inputs, dimensions, labels };
}

/** A batch's loss, a mean over what it predicts. */
export function lossOf(
  builder: GraphBuilder,
  task: Task,
  { dimensions, labels }: BatchInputs,
  output: ModelOutput,
): Tensor {
  if (output.kind === 'vocabulary') {
    const { hidden, matrix, bias, softCap } = output;
    return vocabularyCrossEntropyMean(builder, hidden, matrix, bias, labels, softCap === undefined ? {} : { softCap });
  }
  if (task !== 'regression') return crossEntropyMean(builder, output.logits, labels);
  return squaredErrorMean(builder, reshape(builder, dimensions, output.logits, [symbol('batch')]), labels);
}

/** What a tower makes of its micro-batch. */
export interface TowerResult {
  readonly loss: Tensor;
  /** Of each trained parameter, as {@link canonicalGradient} gives them; times the fed weight of the loss. */
  readonly gradients: readonly Gradient[];
}

/**
 * A tower: forward and backward pass of one micro-batch. Everything in it is made anew each time, so that it can be built
 * several times over the same weights, with other names and on other devices.
 * @param weights all parameters' values by name
 * @param trained parameters that get a gradient
 */
export function buildTower(
  builder: GraphBuilder,
  model: Model,
  options: Pick<ProgramOptions, 'task' | 'gradientCheckpointing' | 'dropout' | 'paddingIndex' | 'hasGradientNorms'>,
  weights: ReadonlyMap<string, Tensor>,
  trained: readonly ParameterSpec[],
  batch: BatchInputs,
): TowerResult {
  const { task, gradientCheckpointing, dropout, paddingIndex } = options;
  const { loss, map } = builder.withFreshTape(() => {
    const output = model.forward(builder, batch.dimensions, new Map(weights), batch.inputs, {
      task,
      isTraining: true,
      gradientCheckpointing,
      ...(dropout === undefined ? {} : { dropout }),
      ...(paddingIndex === undefined ? {} : { paddingIndex }),
    });
    const loss = lossOf(builder, task, batch, output);
    const lossWeight = builder.placeholder(FEED.lossWeight, 'float32', []);
    const sources = trained.flatMap(({ name }) => weights.get(name) ?? []);
    return { loss, map: gradients(builder, loss, lossWeight, sources) };
  }).value;
  return builder.withoutTape(() =>
    builder.withCategory('workspace', () => {
      const canonical = trained.map(({ name }): Gradient => {
        const weight = weights.get(name);
        const gradient = weight === undefined ? undefined : map.get(weight);
        if (gradient === undefined) throw new Error(`Parameter "${name}" gets no gradient`);
        return canonicalGradient(builder, gradient);
      });
      if (options.hasGradientNorms === true)
        trained.forEach(({ name }, index) => {
          identity(builder, globalNorm(builder, canonical.slice(index, index + 1)), { name: FETCH.gradientNorm(name) });
        });
      return { loss, gradients: canonical };
    }),
  );
}
