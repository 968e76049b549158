import {
  GraphBuilder,
  encodeSavedModel,
  group,
  identity,
  planMemory,
  readVariable,
  variable,
  variablePort,
  type Gradient,
  type GraphNode,
  type MemoryPlan,
  type Tensor,
  type Variable,
  type VariablePort,
} from '@pemmican/graph';
import { hasTargetSequence, type Model, type ParameterSpec, type Task } from '@pemmican/models';
import { TrainingError } from './error.ts';
import {
  accumulateGradient,
  adamWFeeds,
  applyAdamW,
  clearAccumulator,
  clipFactor,
  globalNorm,
  optimizedVariable,
  readAccumulator,
  type OptimizedVariable,
} from './adamw.ts';
import { applyAdamWInBlocks, isUpdatedInBlocks } from './adamw-blocks.ts';
import { FETCH, towerPrefix } from './program-feeds.ts';
import { targetCountOf } from './target-count.ts';
import { batchInputs, buildTower, lossOf, type BatchInputs, type TowerResult } from './tower.ts';

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
  /**
   * Devices beside the engine's first one that each compute a micro-batch in the same call, as {@link GraphNode.device} names
   * them. The first holds the variables, adds the gradients up and makes the updates. With some, a program accumulates always.
   */
  readonly otherDevices?: readonly string[];
  readonly hasWeightDecay: boolean;
  readonly maxGradNorm: number;
  readonly adamBeta1: number;
  readonly adamBeta2: number;
  /** Whether each parameter's gradient norm can be fetched; a run has no use for them, and nodes take memory. */
  readonly hasGradientNorms?: boolean;
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
  /** Micro-batches that one call takes at the most: one a device. */
  readonly towerCount: number;
  /**
   * Memory of a training step of this many rows a device, each padded to `length` tokens, on the first device, where most is.
   * @param targetLength tokens that targets are padded to; sequence-to-sequence tasks need it
   */
  planStep(batchSize: number, length: number, targetLength?: number): MemoryPlan;
  /**
   * Memory while this many rows are evaluated: what a step leaves there, and a forward pass. The engine is free in its order
   * there and keeps up to a tenth more alive.
   */
  planEvaluation(batchSize: number, length: number, targetLength?: number): MemoryPlan;
  /** Memory of the same step on each other device; undefined where there is none. */
  planOtherDevice(batchSize: number, length: number, targetLength?: number): MemoryPlan | undefined;
  /** Bytes of the embedding matrix and, where it is trained, of its moments and a dense gradient, if it gets one. */
  readonly embeddingTrainingBytes: number;
}

/** Builds forward, backward and update of a run as one graph. */
export function buildTrainingProgram(model: Model, options: ProgramOptions): TrainingProgram {
  return new ProgramBuilder(model, options).build();
}

/** A tower with its place. */
interface PlacedTower extends TowerResult {
  readonly device: string;
  readonly prefix: string;
}

class ProgramBuilder {
  readonly #model: Model;
  readonly #options: ProgramOptions;
  readonly #builder: GraphBuilder;
  readonly #parameters: readonly { readonly spec: ParameterSpec; readonly weight: Variable }[];
  readonly #trained: readonly { readonly spec: ParameterSpec; readonly variable: OptimizedVariable }[];
  readonly #gradientTensors = new Set<Tensor>();
  readonly #updatedInBlocks = new Set<ParameterSpec>();

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
    const { task, isAccumulating, otherDevices = [] } = this.#options;
    const batch = batchInputs(builder, task);
    const evaluationTargets = builder.withoutTape(() => this.#evaluation(batch));
    const firstTower = this.#tower('', '', () => batch);
    const otherTowers = otherDevices.map((device, index) =>
      this.#tower(device, towerPrefix(index + 1), () => batchInputs(builder, task)),
    );
    const { stepTargets, accumulators } = builder.withoutTape(() =>
      builder.withCategory('workspace', () =>
        isAccumulating || otherTowers.length > 0
          ? this.#accumulatingStep([firstTower, ...otherTowers])
          : { stepTargets: [this.#plainStep(firstTower)], accumulators: [] },
      ),
    );
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
      towerCount: 1 + otherTowers.length,
      planStep: (...sizes) =>
        largestPlan(stepTargets.map((targets) => planMemory(builder, targets, this.#bindings(...sizes), planned))),
      planOtherDevice: (...sizes) => {
        // All are alike, but for towers that are on the first device too.
        const device = otherDevices.find((name) => name !== '');
        if (device === undefined) return undefined;
        const plans = stepTargets.map((targets) =>
          planMemory(builder, targets, this.#bindings(...sizes), { ...planned, device }),
        );
        return largestPlan(plans);
      },
      planEvaluation: (...sizes) => planMemory(builder, evaluationTargets, this.#bindings(...sizes), planned),
      embeddingTrainingBytes: this.#parameters
        .filter(({ spec }) => spec.isEmbeddingMatrix === true)
        .reduce((sum, parameter) => sum + this.#trainingBytes(parameter.spec) * countOf([parameter]), 0),
    };
  }

  /** Bytes of a number of a matrix: itself, its moments, and its gradient where that is ever dense. */
  #trainingBytes(spec: ParameterSpec): number {
    if (spec.isFrozen === true) return 4;
    return this.#updatedInBlocks.has(spec) ? 12 : 16;
  }

  #bindings(batch: number, length: number, targetLength?: number): Record<string, number> {
    const { task, mlmProbability } = this.#options;
    const targets = targetCountOf(task, batch, length, mlmProbability, targetLength);
    if (targetLength === undefined || !hasTargetSequence(task)) return { batch, length, targets };
    return { batch, length, targets, targetLength, allTokens: batch * (length + targetLength) };
  }

  /** Reads every parameter, on the device that has it. */
  #weights(): Map<string, Tensor> {
    const builder = this.#builder;
    return builder.withCategory(
      'weights',
      () => new Map(this.#parameters.map(({ spec, weight }) => [spec.name, readVariable(builder, weight)])),
    );
  }

  /** @returns what an evaluation fetches */
  #evaluation(batch: BatchInputs): GraphNode[] {
    const builder = this.#builder;
    const { task } = this.#options;
    const options = { task, isTraining: false };
    const output = this.#model.forward(builder, batch.dimensions, this.#weights(), batch.inputs, options);
    const logits =
      output.kind === 'logits' ? [identity(builder, output.logits, { name: FETCH.evaluationLogits }).node] : [];
    return [...logits, identity(builder, lossOf(builder, task, batch, output), { name: FETCH.evaluationLoss }).node];
  }

  /** @param prefix goes before the names of its feeds and fetches */
  #tower(device: string, prefix: string, inputs: () => BatchInputs): PlacedTower {
    const builder = this.#builder;
    const weights = this.#weights();
    const trained = this.#trained.map(({ spec }) => spec);
    const result = builder.withDevice(device, () =>
      builder.withNamePrefix(prefix, () => buildTower(builder, this.#model, this.#options, weights, trained, inputs())),
    );
    for (const gradient of result.gradients) this.#gradientTensors.add(valueOf(gradient));
    return { ...result, device, prefix };
  }

  /** One micro-batch a step: the gradient is applied as soon as its norm is known. */
  #plainStep({ loss, gradients }: TowerResult): GraphNode[] {
    const builder = this.#builder;
    const norm = globalNorm(builder, gradients);
    const factor = clipFactor(builder, norm, loss, this.#options.maxGradNorm);
    const done = group(
      builder,
      this.#applyAll(gradients, factor, (_, update) => update),
    );
    return [
      identity(builder, loss, { name: FETCH.trainLoss, controlInputs: [done] }).node,
      identity(builder, norm, { name: FETCH.trainNorm, controlInputs: [done] }).node,
    ];
  }

  /**
   * Several micro-batches a step: fetches add a gradient up, one for each tower, and another one applies the sum. Towers add in
   * order, so that a call of several makes the same sum as calls of one.
   */
  #accumulatingStep(towers: readonly PlacedTower[]): { stepTargets: GraphNode[][]; accumulators: Variable[] } {
    const builder = this.#builder;
    const accumulators = this.#trained.map(({ spec }) =>
      builder.withCategory('gradients', () => variable(builder, `accumulated/${spec.name}`, spec.shape)),
    );
    const latest = new Map<number, GraphNode>();
    const losses = towers.map(({ loss, gradients, device, prefix }) => {
      const added: GraphNode[] = [];
      for (const index of denseFirst(gradients)) {
        const gradient = this.#inTurn(at(gradients, index), device, latest.get(index));
        const addition = accumulateGradient(builder, at(accumulators, index), gradient, [...added]);
        added.push(addition);
        latest.set(index, addition);
      }
      const options = { name: FETCH.accumulateLoss, controlInputs: added };
      return builder.withNamePrefix(prefix, () => identity(builder, loss, options)).node;
    });
    const sums = accumulators.map((accumulator) => readAccumulator(builder, accumulator));
    const norm = globalNorm(builder, sums);
    const factor = clipFactor(builder, norm, norm, this.#options.maxGradNorm);
    const cleared = this.#applyAll(sums, factor, (index, update) =>
      clearAccumulator(builder, at(accumulators, index), update),
    );
    const apply = identity(builder, norm, { name: FETCH.applyNorm, controlInputs: [group(builder, cleared)] });
    return { stepTargets: [losses, [apply.node]], accumulators };
  }

  /** A tower's gradient, once the one before it was added. Until then it stays where it is: the first device holds no two. */
  #inTurn(gradient: Gradient, device: string, before: GraphNode | undefined): Gradient {
    if (before === undefined) return gradient;
    const builder = this.#builder;
    const value = builder.withDevice(device, () => identity(builder, valueOf(gradient), { controlInputs: [before] }));
    this.#gradientTensors.add(value);
    return gradient.kind === 'rows' ? { ...gradient, values: value } : { kind: 'dense', value };
  }

  /**
   * Updates one parameter after the other. Row gradients come last: they become dense here, those of large matrices block by
   * block, when the gradients of all other parameters are gone.
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
      const { spec, variable: target } = at(this.#trained, index);
      const gradient = at(canonical, index);
      const options = { factor, feeds, betas, isDecaying: this.#options.hasWeightDecay, after: finished.at(-1) };
      const isInBlocks = gradient.kind === 'rows' && isUpdatedInBlocks(target);
      if (isInBlocks) this.#updatedInBlocks.add(spec);
      const { update, dense } = isInBlocks
        ? applyAdamWInBlocks(builder, target, gradient, options)
        : applyAdamW(builder, target, gradient, options);
      for (const tensor of dense) this.#gradientTensors.add(tensor);
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

function valueOf(gradient: Gradient): Tensor {
  return gradient.kind === 'rows' ? gradient.values : gradient.value;
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
