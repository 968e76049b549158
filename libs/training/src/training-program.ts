import {
  GraphBuilder,
  crossEntropyMean,
  encodeSavedModel,
  gradients,
  group,
  identity,
  planMemory,
  readVariable,
  reshape,
  squaredErrorMean,
  symbol,
  variable,
  variablePort,
  vocabularyCrossEntropyMean,
  type Gradient,
  type GraphNode,
  type MemoryPlan,
  type RuntimeDimensions,
  type Tensor,
  type Variable,
  type VariablePort,
} from '@pemmican/graph';
import {
  hasTargetSequence,
  type Model,
  type ModelInputs,
  type ModelOutput,
  type ParameterSpec,
  type Task,
} from '@pemmican/models';
import { TrainingError } from './error.ts';
import {
  accumulateGradient,
  adamWFeeds,
  applyAdamW,
  canonicalGradient,
  clearAccumulator,
  clipFactor,
  globalNorm,
  optimizedVariable,
  readAccumulator,
  type OptimizedVariable,
} from './adamw.ts';
import { FEED, FETCH, labelDimension, modelInputs, runtimeDimensions } from './program-feeds.ts';
import { targetCountOf } from './target-count.ts';

/** What decides the graph of a run. */
export interface ProgramOptions {
  readonly task: Task;
  readonly labelCount: number;
  /** Rows of the embedding matrix. */
  readonly vocabRows: number;
  /** Rows of an output matrix that is not tied to it; as many where not given. */
  readonly outputRows?: number | undefined;
  /** Row of `config.pad_token_id` in that matrix; undefined when there is none. */
  readonly paddingIndex: number | undefined;
  readonly dropout: number | undefined;
  readonly gradientCheckpointing: boolean;
  readonly bf16: boolean;
  readonly isAccumulating: boolean;
  readonly hasWeightDecay: boolean;
  readonly maxGradNorm: number;
  readonly adamBeta1: number;
  readonly adamBeta2: number;
  /** Only for the memory plan of masked language modeling; what training takes where not given. */
  readonly mlmProbability?: number;
}

/** A parameter with the names by which its values go in and out of the session. */
export interface ProgramParameter {
  readonly spec: ParameterSpec;
  readonly weight: VariablePort;
}

/** A parameter that is not frozen. */
export interface TrainedParameter extends ProgramParameter {
  readonly moment1: VariablePort;
  readonly moment2: VariablePort;
}

/** A run's graph. */
export interface TrainingProgram {
  readonly savedModel: Uint8Array;
  /** All, in the model's order. */
  readonly parameters: readonly ProgramParameter[];
  /** Those that are not frozen. */
  readonly trainedParameters: readonly TrainedParameter[];
  /** Numbers in all of them, frozen ones too. */
  readonly parameterCount: number;
  readonly trainedParameterCount: number;
  /** Ports of the gradient accumulators; empty without accumulation. */
  readonly accumulators: readonly VariablePort[];
  /**
   * Memory of a training step of this many rows, each padded to `length` tokens.
   * @param targetLength tokens that targets are padded to; sequence-to-sequence tasks need it
   */
  planStep(batchSize: number, length: number, targetLength?: number): MemoryPlan;
  /**
   * Memory while this many rows are evaluated: what a step leaves there, and a forward pass. The engine is free in its order
   * there and keeps up to a tenth more alive.
   */
  planEvaluation(batchSize: number, length: number, targetLength?: number): MemoryPlan;
  /** Bytes of the embedding matrix and, where it is trained, of its gradient and its moments. */
  readonly embeddingTrainingBytes: number;
}

/** Builds forward, backward and update of a run as one graph. */
export function buildTrainingProgram(model: Model, options: ProgramOptions): TrainingProgram {
  return new ProgramBuilder(model, options).build();
}

class ProgramBuilder {
  readonly #model: Model;
  readonly #options: ProgramOptions;
  readonly #builder: GraphBuilder;
  readonly #parameters: readonly { readonly spec: ParameterSpec; readonly weight: Variable }[];
  readonly #trained: readonly { readonly spec: ParameterSpec; readonly variable: OptimizedVariable }[];
  readonly #gradientTensors = new Set<Tensor>();

  constructor(model: Model, options: ProgramOptions) {
    this.#model = model;
    this.#options = options;
    this.#builder = new GraphBuilder(options.bf16 ? { matmulDtype: 'bfloat16' } : {});
    this.#parameters = model
      .parameters(options.task, options.labelCount, options.vocabRows, options.outputRows)
      .map((spec) => ({
        spec,
        weight: this.#builder.withCategory('weights', () =>
          variable(this.#builder, `weights/${spec.name}`, spec.shape),
        ),
      }));
    this.#trained = this.#parameters
      .filter(({ spec }) => spec.isFrozen !== true)
      .map(({ spec, weight }) => ({
        spec,
        variable: optimizedVariable(this.#builder, spec.name, weight, spec.hasWeightDecay),
      }));
    if (this.#trained.length === 0)
      throw new TrainingError('INVALID_OPTION', 'Every parameter is frozen, so there is nothing to train');
  }

  build(): TrainingProgram {
    const builder = this.#builder;
    const { task } = this.#options;
    const inputs = modelInputs(builder, task);
    const dimensions = runtimeDimensions(builder, inputs);
    const labels = builder.placeholder(FEED.labels, task === 'regression' ? 'float32' : 'int32', [
      labelDimension(task),
    ]);
    const evaluationTargets = builder.withoutTape(() => this.#evaluation(dimensions, inputs, labels));
    const { stepTargets, accumulators } = this.#training(dimensions, inputs, labels);
    const variables = [
      ...this.#parameters.map(({ weight }) => weight),
      ...this.#trained.flatMap(({ variable: { moment1, moment2 } }) => [moment1, moment2]),
      ...accumulators,
    ];
    const weightPorts = new Map(
      this.#parameters.map(({ spec, weight }) => [spec.name, { spec, weight: variablePort(builder, weight) }]),
    );
    const trainedParameters = this.#trained.map(({ spec, variable: { moment1, moment2 } }): TrainedParameter => {
      const parameter = weightPorts.get(spec.name);
      if (parameter === undefined) throw new RangeError(`"${spec.name}" has no port`);
      return { ...parameter, moment1: variablePort(builder, moment1), moment2: variablePort(builder, moment2) };
    });
    const planned = { gradients: this.#gradientTensors, variables };
    const accumulatorPorts = accumulators.map((accumulator) => variablePort(builder, accumulator));
    return {
      savedModel: encodeSavedModel(builder, builder.constant(1)),
      parameters: [...weightPorts.values()],
      trainedParameters,
      parameterCount: countOf(this.#parameters),
      trainedParameterCount: countOf(this.#trained),
      accumulators: accumulatorPorts,
      planStep: (...sizes) =>
        largestPlan(stepTargets.map((targets) => planMemory(builder, targets, this.#bindings(...sizes), planned))),
      planEvaluation: (...sizes) => planMemory(builder, evaluationTargets, this.#bindings(...sizes), planned),
      embeddingTrainingBytes: this.#parameters
        .filter(({ spec }) => spec.isEmbeddingMatrix === true)
        .reduce((sum, parameter) => sum + (parameter.spec.isFrozen === true ? 4 : 16) * countOf([parameter]), 0),
    };
  }

  #bindings(batch: number, length: number, targetLength?: number): Record<string, number> {
    const { task, mlmProbability } = this.#options;
    const targets = targetCountOf(task, batch, length, mlmProbability, targetLength);
    if (targetLength === undefined || !hasTargetSequence(task)) return { batch, length, targets };
    return { batch, length, targets, targetLength, allTokens: batch * (length + targetLength) };
  }

  #weights(): Map<string, Tensor> {
    return new Map(this.#parameters.map(({ spec, weight }) => [spec.name, readVariable(this.#builder, weight)]));
  }

  /** @returns what an evaluation fetches */
  #evaluation(dimensions: RuntimeDimensions, inputs: ModelInputs, labels: Tensor): GraphNode[] {
    const builder = this.#builder;
    const options = { task: this.#options.task, isTraining: false };
    const output = this.#model.forward(builder, dimensions, this.#weights(), inputs, options);
    const logits =
      output.kind === 'logits' ? [identity(builder, output.logits, { name: FETCH.evaluationLogits }).node] : [];
    return [...logits, identity(builder, this.#loss(dimensions, output, labels), { name: FETCH.evaluationLoss }).node];
  }

  #loss(dimensions: RuntimeDimensions, output: ModelOutput, labels: Tensor): Tensor {
    const builder = this.#builder;
    if (output.kind === 'vocabulary') {
      const { hidden, matrix, bias, softCap } = output;
      return vocabularyCrossEntropyMean(
        builder,
        hidden,
        matrix,
        bias,
        labels,
        softCap === undefined ? {} : { softCap },
      );
    }
    if (this.#options.task !== 'regression') return crossEntropyMean(builder, output.logits, labels);
    return squaredErrorMean(builder, reshape(builder, dimensions, output.logits, [symbol('batch')]), labels);
  }

  #training(
    dimensions: RuntimeDimensions,
    inputs: ModelInputs,
    labels: Tensor,
  ): { stepTargets: GraphNode[][]; accumulators: Variable[] } {
    const builder = this.#builder;
    const { dropout, gradientCheckpointing, paddingIndex } = this.#options;
    const weights = this.#weights();
    const output = this.#model.forward(builder, dimensions, weights, inputs, {
      task: this.#options.task,
      isTraining: true,
      gradientCheckpointing,
      ...(dropout === undefined ? {} : { dropout }),
      ...(paddingIndex === undefined ? {} : { paddingIndex }),
    });
    const loss = this.#loss(dimensions, output, labels);
    const lossWeight = builder.placeholder(FEED.lossWeight, 'float32', []);
    const trained = this.#trained.flatMap(({ spec }) => weights.get(spec.name) ?? []);
    const map = gradients(builder, loss, lossWeight, trained);
    return builder.withoutTape(() =>
      builder.withCategory('workspace', () => {
        const canonical = this.#trained.map(({ spec }): Gradient => {
          const weight = weights.get(spec.name);
          const gradient = weight === undefined ? undefined : map.get(weight);
          if (gradient === undefined) throw new Error(`Parameter "${spec.name}" gets no gradient`);
          const result = canonicalGradient(builder, gradient);
          this.#gradientTensors.add(result.kind === 'rows' ? result.values : result.value);
          return result;
        });
        canonical.forEach((gradient, index) => {
          const { name } = at(this.#trained, index).spec;
          identity(builder, globalNorm(builder, [gradient]), { name: FETCH.gradientNorm(name) });
        });
        return this.#options.isAccumulating
          ? this.#accumulatingStep(loss, canonical)
          : { stepTargets: [this.#plainStep(loss, canonical)], accumulators: [] };
      }),
    );
  }

  /** One micro-batch a step: the gradient is applied as soon as its norm is known. */
  #plainStep(loss: Tensor, canonical: readonly Gradient[]): GraphNode[] {
    const builder = this.#builder;
    const norm = globalNorm(builder, canonical);
    const factor = clipFactor(builder, norm, loss, this.#options.maxGradNorm);
    const done = group(
      builder,
      this.#applyAll(canonical, factor, (_, update) => update),
    );
    return [
      identity(builder, loss, { name: FETCH.trainLoss, controlInputs: [done] }).node,
      identity(builder, norm, { name: FETCH.trainNorm, controlInputs: [done] }).node,
    ];
  }

  /** Several micro-batches a step: one fetch adds a gradient up, another applies the sum. */
  #accumulatingStep(
    loss: Tensor,
    canonical: readonly Gradient[],
  ): { stepTargets: GraphNode[][]; accumulators: Variable[] } {
    const builder = this.#builder;
    const accumulators = this.#trained.map(({ spec }) =>
      builder.withCategory('gradients', () => variable(builder, `accumulated/${spec.name}`, spec.shape)),
    );
    const added: GraphNode[] = [];
    for (const index of denseFirst(canonical))
      added.push(accumulateGradient(builder, at(accumulators, index), at(canonical, index), [...added]));
    const accumulate = identity(builder, loss, { name: FETCH.accumulateLoss, controlInputs: added });
    const sums = accumulators.map((accumulator) => readAccumulator(builder, accumulator));
    const norm = globalNorm(builder, sums);
    const factor = clipFactor(builder, norm, norm, this.#options.maxGradNorm);
    const cleared = this.#applyAll(sums, factor, (index, update) =>
      clearAccumulator(builder, at(accumulators, index), update),
    );
    const apply = identity(builder, norm, { name: FETCH.applyNorm, controlInputs: [group(builder, cleared)] });
    return { stepTargets: [[accumulate.node], [apply.node]], accumulators };
  }

  /**
   * Updates one parameter after the other. Row gradients come last: they become dense here, when the gradients of all
   * other parameters are gone.
   * @param finish what follows an update before the next one begins
   */
  #applyAll(
    canonical: readonly Gradient[],
    factor: Tensor,
    finish: (index: number, update: GraphNode) => GraphNode,
  ): GraphNode[] {
    const builder = this.#builder;
    const feeds = adamWFeeds(builder);
    const betas = { beta1: this.#options.adamBeta1, beta2: this.#options.adamBeta2 };
    const finished: GraphNode[] = [];
    for (const index of denseFirst(canonical)) {
      const { update, dense } = applyAdamW(
        builder,
        at(this.#trained, index).variable,
        at(canonical, index),
        factor,
        feeds,
        betas,
        this.#options.hasWeightDecay,
        finished.at(-1),
      );
      this.#gradientTensors.add(dense);
      finished.push(finish(index, update));
    }
    return finished;
  }
}

/** Numbers in parameters. */
function countOf(parameters: readonly { readonly spec: ParameterSpec }[]): number {
  return parameters.reduce((sum, { spec }) => sum + spec.shape.reduce((product, size) => product * size, 1), 0);
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new RangeError(`No item ${index} of ${items.length}`);
  return item;
}

/** Indices of gradients, those of rows last. */
function denseFirst(gradients: readonly Gradient[]): number[] {
  const indices = gradients.keys().toArray();
  const isRows = (index: number): boolean => gradients[index]?.kind === 'rows';
  return [...indices.filter((index) => !isRows(index)), ...indices.filter(isRows)];
}

function largestPlan(plans: readonly MemoryPlan[]): MemoryPlan {
  return plans.reduce((largest, plan) => (plan.peakBytes > largest.peakBytes ? plan : largest));
}
