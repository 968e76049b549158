import { gatherRows, type Tensor } from '@pemmican/graph';
import { lastTokenIndices } from './attention-mask.ts';
import { checkpointNames } from './checkpoint-names.ts';
import type { ForwardContext } from './forward-context.ts';
import { targetRows } from './language-model-head.ts';
import { outputCount, type Model, type ModelOutput, type Task } from './model-family.ts';
import { HEAD_STANDARD_DEVIATION, type ParameterList } from './parameter-list.ts';

const CLASSIFIER = 'score';
const OUTPUT_MATRIX = 'lm_head';

/** What a decoder's heads take of its config. */
export interface DecoderHeadConfig {
  readonly hiddenSize: number;
  /** Says where a row ends. */
  readonly padTokenId: number | undefined;
  /** Whether the output matrix is the embedding matrix. */
  readonly isTied: boolean;
  /** Logits over the vocabulary become `cap * tanh(logit / cap)`. */
  readonly logitSoftCap?: number | undefined;
}

type DecoderNames = Pick<Model, 'basePrefix' | 'embeddingMatrixName'>;

/** What decoders have in common as models: a causal language model, or a classifier on the last token. */
export function decoderTasks(
  { isTied }: DecoderHeadConfig,
  names: DecoderNames,
): Pick<
  Model,
  'tasks' | 'isTied' | 'outputMatrixName' | 'basePrefix' | 'embeddingMatrixName' | 'headWeightName' | 'checkpointNames'
> {
  return {
    ...names,
    tasks: ['sequence-classification', 'regression', 'causal-lm'],
    isTied: (task) => task === 'causal-lm' && isTied,
    outputMatrixName: (task) => (task === 'causal-lm' && !isTied ? `${OUTPUT_MATRIX}.weight` : undefined),
    headWeightName: () => `${CLASSIFIER}.weight`,
    checkpointNames: (name) => checkpointNames(name, names.basePrefix),
  };
}

export function addDecoderHead(
  list: ParameterList,
  { hiddenSize, isTied }: DecoderHeadConfig,
  task: Task,
  labelCount: number,
  outputRows: number,
): void {
  if (task !== 'causal-lm')
    list.linear(CLASSIFIER, outputCount(task, labelCount), hiddenSize, {
      standardDeviation: HEAD_STANDARD_DEVIATION,
      hasBias: false,
    });
  else if (!isTied) list.weight(OUTPUT_MATRIX, [outputRows, hiddenSize]);
}

/**
 * @param hidden `[tokens, hiddenSize]`
 * @param normalize the last normalization; only the rows that go on pass it
 */
export function decoderOutput(
  config: DecoderHeadConfig,
  context: ForwardContext,
  hidden: Tensor,
  names: DecoderNames,
  normalize: (rows: Tensor) => Tensor,
): ModelOutput {
  if (context.options.task === 'causal-lm') {
    return {
      kind: 'vocabulary',
      hidden: normalize(targetRows(context, hidden)),
      matrix: context.parameter(config.isTied ? names.embeddingMatrixName : `${OUTPUT_MATRIX}.weight`),
      ...(config.logitSoftCap === undefined ? {} : { softCap: config.logitSoftCap }),
    };
  }
  const last = gatherRows(context.builder, context.dimensions, hidden, lastTokenIndices(context, config.padTokenId));
  return { kind: 'logits', logits: context.linearWithoutBias(normalize(last), CLASSIFIER) };
}
