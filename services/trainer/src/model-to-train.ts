import { freezeParameters, type Model } from '@pemmican/models';
import type { TrainingOptions } from '@pemmican/training';

/** The model as a run trains it: with what the options freeze frozen. */
export function modelToTrain(model: Model, options: TrainingOptions): Model {
  return freezeParameters(model, frozenPatterns(model, options));
}

/** Names and patterns of the parameters that options freeze. */
export function frozenPatterns(model: Model, { freezeEmbeddings, freeze }: TrainingOptions): readonly string[] {
  return freezeEmbeddings ? [model.embeddingMatrixName, ...freeze] : freeze;
}
