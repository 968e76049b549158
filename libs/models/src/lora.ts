import { isWithin, loraModules, moduleOf, type LoraModules } from './lora-modules.ts';
import type { ForwardArguments, Model, ParameterSpec, Task } from './model-family.ts';

/**
 * Low-rank adapters (LoRA, arXiv 2106.09685), as PEFT's LoraConfig names them: a linear map gives
 * `x W^T + b + scaling * (dropout(x) A^T) B^T` with A `[rank, inputSize]` and B `[outputSize, rank]`.
 */
export interface LoraOptions {
  readonly rank: number;
  readonly alpha: number;
  /** Probability of dropout on the adapters' input. */
  readonly dropout: number;
  /** See {@link loraModules}. */
  readonly targetModules: readonly string[];
  /** `alpha / sqrt(rank)` in place of `alpha / rank` (arXiv 2312.03732). */
  readonly hasRankStabilization: boolean;
  /** Modules beside the head that are trained whole, because no checkpoint has them. */
  readonly drawnModules: readonly string[];
  /**
   * Whether the embedding matrix is trained beside the adapters, all rows that the model has of it. A tied output matrix is
   * the same matrix.
   */
  readonly trainsEmbeddings: boolean;
}

const A = 'lora_A';
const B = 'lora_B';

/** What a product of the adapter's two matrices is multiplied by. */
export function loraScaling({ alpha, rank, hasRankStabilization }: LoraOptions): number {
  return alpha / (hasRankStabilization ? Math.sqrt(rank) : rank);
}

/** Names of a module's two adapter matrices. */
export function adapterNames(module: string): { readonly down: string; readonly up: string } {
  return { down: `${module}.${A}.weight`, up: `${module}.${B}.weight` };
}

/** Whether a parameter is trained beside the adapters, whose file has the rows of it that the model has. */
export function isTrainedByRows(
  { isEmbeddingMatrix }: ParameterSpec,
  { trainsEmbeddings }: Pick<LoraOptions, 'trainsEmbeddings'>,
): boolean {
  return trainsEmbeddings && isEmbeddingMatrix === true;
}

/** What LoRA does to the modules of a model. */
export function loraModulesOf(
  model: Model,
  task: Task,
  specs: readonly ParameterSpec[],
  lora: LoraOptions,
): LoraModules {
  return loraModules(model, specs, { task, targets: lora.targetModules, drawn: lora.drawnModules });
}

/**
 * The model with adapters: its own parameters are frozen, but for a classification head and an embedding matrix that is to
 * be trained, and adapters follow them. A is drawn as PEFT draws it (kaiming_uniform with a = sqrt(5)), B is 0, so that
 * training begins with the model as it is.
 */
export function withLora(model: Model, lora: LoraOptions): Model {
  const { generation } = model;
  const adapted = (...[builder, dimensions, parameters, inputs, options]: ForwardArguments): ForwardArguments => {
    const scaled = { ...options, lora: { scaling: loraScaling(lora), dropout: lora.dropout } };
    return [builder, dimensions, parameters, inputs, scaled];
  };
  return {
    ...model,
    parameters: (task, labelCount, ...rows) => {
      const specs = model.parameters(task, labelCount, ...rows);
      const { adapted: modules, trained } = loraModulesOf(model, task, specs, lora);
      const isTrained = (spec: ParameterSpec): boolean =>
        isWithin(moduleOf(spec), trained) || isTrainedByRows(spec, lora);
      return [
        ...specs.map((spec) => (isTrained(spec) ? spec : { ...spec, isFrozen: true })),
        ...modules.flatMap((spec) => adapterSpecs(spec, lora.rank)),
      ];
    },
    forward: (...graph) => model.forward(...adapted(...graph)),
    ...(generation === undefined
      ? {}
      : {
          generation: {
            begin: (...graph) => generation.begin(...adapted(...graph)),
            step: (step, ...graph) => generation.step(step, ...adapted(...graph)),
          },
        }),
  };
}

function adapterSpecs(spec: ParameterSpec, rank: number): ParameterSpec[] {
  const [first = 0, second = 0] = spec.shape;
  const [outputSize, inputSize] = spec.linear === 'input-major' ? [second, first] : [first, second];
  const { down, up } = adapterNames(moduleOf(spec));
  // kaiming_uniform: sqrt(6 / ((1 + a^2) inputSize)).
  const bound = 1 / Math.sqrt(inputSize);
  return [
    { name: down, shape: [rank, inputSize], hasWeightDecay: true, initializer: { kind: 'uniform', bound } },
    { name: up, shape: [outputSize, rank], hasWeightDecay: true, initializer: { kind: 'zeros' } },
  ];
}
