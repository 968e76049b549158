import { RuntimeDimensions, symbol, type Dimension, type GraphBuilder } from '@pemmican/graph';
import { hasTargetSequence, hasTokenTargets, type ModelInputs, type Task } from '@pemmican/models';

/** Names of feeds and fetches. */
export const FEED = {
  inputIds: 'feed/inputIds',
  attentionMask: 'feed/attentionMask',
  tokenTypeIds: 'feed/tokenTypeIds',
  labels: 'feed/labels',
  targetPositions: 'feed/targetPositions',
  decoderInputIds: 'feed/decoderInputIds',
  dropoutSeed: 'feed/dropoutSeed',
  /** Of a step of generation; see `GenerationStep`. */
  tokenIds: 'feed/tokenIds',
  distances: 'feed/distances',
  lossWeight: 'feed/lossWeight',
  correctedLearningRate: 'feed/correctedLearningRate',
  correctedEpsilon: 'feed/correctedEpsilon',
  decayFactor: 'feed/decayFactor',
} as const;
export const FETCH = {
  /** Loss of a step that also updates the weights (without accumulation). */
  trainLoss: 'fetch/trainLoss',
  trainNorm: 'fetch/trainNorm',
  /** Loss of a micro-batch whose gradient is added up (with accumulation). */
  accumulateLoss: 'fetch/accumulateLoss',
  /** Norm of the accumulated gradient, which is applied. */
  applyNorm: 'fetch/applyNorm',
  evaluationLogits: 'fetch/evaluationLogits',
  evaluationLoss: 'fetch/evaluationLoss',
  /** Reads the sources that are generated from. */
  beginGeneration: 'fetch/beginGeneration',
  /** int32 `[batch]`, what each row writes next. */
  nextTokenIds: 'fetch/nextTokenIds',
  /** See {@link ProgramOptions.hasGradientNorms}. */
  gradientNorm: (parameterName: string): string => `gradientNorm/${parameterName}`,
} as const;

/**
 * What goes before the names of a tower's feeds and fetches where a program has several. The first one's have none, so that a
 * program of one tower is fed as ever.
 */
export function towerPrefix(tower: number): string {
  return tower === 0 ? '' : `tower${tower}/`;
}

/** What every forward pass is fed. */
export function modelInputs(builder: GraphBuilder, task: Task): ModelInputs {
  const shape = [symbol('batch'), symbol('length')];
  return {
    inputIds: builder.placeholder(FEED.inputIds, 'int32', shape),
    attentionMask: builder.placeholder(FEED.attentionMask, 'float32', shape),
    tokenTypeIds: builder.placeholder(FEED.tokenTypeIds, 'int32', shape),
    dropoutSeed: builder.placeholder(FEED.dropoutSeed, 'int32', [2]),
    ...(hasTokenTargets(task)
      ? { targetPositions: builder.placeholder(FEED.targetPositions, 'int32', [symbol('targets')]) }
      : {}),
    ...(hasTargetSequence(task)
      ? {
          decoderInputIds: builder.placeholder(FEED.decoderInputIds, 'int32', [
            symbol('batch'),
            symbol('targetLength'),
          ]),
        }
      : {}),
  };
}

/** How many labels a batch has. */
export function labelDimension(task: Task): Dimension {
  // The starts of all rows' answers, and then their ends.
  if (task === 'question-answering') return { coefficient: 2, symbols: ['batch'] };
  return symbol(hasTokenTargets(task) ? 'targets' : 'batch');
}

/** Values of the dimensions of what is fed. */
export function runtimeDimensions(
  builder: GraphBuilder,
  { inputIds, targetPositions, decoderInputIds }: ModelInputs,
): RuntimeDimensions {
  const others = [targetPositions, decoderInputIds].filter((input) => input !== undefined);
  return new RuntimeDimensions(builder, inputIds, ...others);
}
