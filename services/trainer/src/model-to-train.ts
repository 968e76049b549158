import {
  freezeParameters,
  moduleOf,
  resolveParameters,
  withLora,
  type LoraOptions,
  type Model,
  type ParameterSpec,
} from '@pemmican/models';
import type { Checkpoint } from '@pemmican/safetensors';
import type { TrainingOptions } from '@pemmican/training';

/** A model as a run trains it. */
export interface ModelToTrain {
  /** With what the options freeze frozen, and with the adapters that they ask for. */
  readonly model: Model;
  /** Set where adapters are trained. */
  readonly lora: LoraOptions | undefined;
}

/**
 * @param base as the config describes it
 * @param checkpoint which lacks the modules that are drawn anew
 * @throws ModelError UNKNOWN_PARAMETER, and what {@link resolveParameters} throws
 */
export function modelToTrain(
  base: Model,
  checkpoint: Checkpoint,
  options: TrainingOptions,
  shape: { readonly labelCount: number; readonly vocabRows: number; readonly outputRows?: number },
): ModelToTrain {
  if (options.lora === undefined)
    return { model: freezeParameters(base, frozenPatterns(base, options)), lora: undefined };
  const specs = base.parameters(options.task, shape.labelCount, shape.vocabRows, shape.outputRows);
  const lora = { ...options.lora, drawnModules: drawnModules(base, checkpoint, specs) };
  const model = withLora(base, lora);
  // Here and not when the graph is built: a target that does not exist is a fault of the request.
  model.parameters(options.task, shape.labelCount, shape.vocabRows, shape.outputRows);
  return { model, lora };
}

/** Names and patterns of the parameters that options freeze. */
export function frozenPatterns(model: Model, { freezeEmbeddings, freeze }: TrainingOptions): readonly string[] {
  return freezeEmbeddings ? [model.embeddingMatrixName, ...freeze] : freeze;
}

function drawnModules(model: Model, checkpoint: Checkpoint, specs: readonly ParameterSpec[]): string[] {
  const drawn = resolveParameters(model, checkpoint, specs).filter((source) => source.checkpointName === undefined);
  return [...new Set(drawn.map(({ spec }) => moduleOf(spec)))];
}
