import { firstToken, type Tensor } from '@pemmican/graph';
import { paddingScores } from './attention-mask.ts';
import { checkpointNames } from './checkpoint-names.ts';
import type { EncoderConfig } from './encoder-config.ts';
import { addEncoderLayer, encoderLayer, type EncoderLayerNames } from './encoder-layer.ts';
import { BATCH, ForwardContext, LENGTH } from './forward-context.ts';
import {
  addMaskedLanguageModelHead,
  maskedLanguageModelHead,
  targetRows,
  type MaskedLanguageModel,
} from './language-model-head.ts';
import { SPAN_HEAD, outputCount, type Model, type ModelOutput, type ParameterSpec, type Task } from './model-family.ts';
import { HEAD_STANDARD_DEVIATION, ParameterList } from './parameter-list.ts';
import { addSpanHead, spanLogits } from './span-head.ts';

/** A family's layers in one forward pass. */
export interface EncoderLayers {
  /** Tensors beside a layer's own parameters that layers read and that get a gradient. */
  readonly shared: readonly Tensor[];
  /** @param x `[tokens, hiddenSize]` */
  apply(x: Tensor, layer: number): Tensor;
}

/** The head on the first token: a dense layer, an activation, the output matrix, with dropout between. */
export interface ClassificationHead {
  /** Name of the dense layer, without `.weight` and `.bias`, as that of the output. */
  readonly dense: string;
  readonly denseStandardDeviation: number;
  readonly output: string;
  /** Before the dense layer; families without it draw no mask there. */
  readonly inputDropout?: number;
  readonly outputDropout: number;
  activate(context: ForwardContext, x: Tensor): Tensor;
}

/** What makes a family of encoders, beside what all of them share. */
export interface EncoderFamily {
  readonly modelType: string;
  /** What transformers' class names begin with, such as `Bert`. */
  readonly architecturePrefix: string;
  /** What the base model's parameters begin with, such as `bert.`. */
  readonly prefix: string;
  readonly config: EncoderConfig;
  readonly maxSequenceLength: number;
  readonly padTokenId: number | undefined;
  /** Width of the embedding matrix. */
  readonly embeddingSize: number;
  readonly head: ClassificationHead;
  /** Before the classifier of tokens. */
  readonly tokenDropout: number;
  /** Before the head that finds answers; families without it draw no mask there. */
  readonly answerDropout?: number;
  /** Not set where the family has no such head here. */
  readonly maskedLanguageModel?: MaskedLanguageModel;
  layerPrefix(layer: number): string;
  /** What follows the embedding matrix. */
  addEmbeddings(list: ParameterList): void;
  addLayer(list: ParameterList, prefix: string): void;
  /** What follows the layers. */
  addShared?(list: ParameterList): void;
  layers(context: ForwardContext): EncoderLayers;
  /** `[tokens, hiddenSize]` */
  embeddings(context: ForwardContext): Tensor;
}

const CLASSIFICATION_TASKS: readonly Task[] = [
  'sequence-classification',
  'regression',
  'token-classification',
  'question-answering',
];
// All families have this name for it, whatever they call the head on the first token.
const TOKEN_CLASSIFIER = 'classifier';

export function encoderModel(family: EncoderFamily): Model {
  const { config, maskedLanguageModel } = family;
  return {
    modelType: family.modelType,
    vocabSize: config.vocabSize,
    hiddenSize: family.embeddingSize,
    maxSequenceLength: family.maxSequenceLength,
    padTokenId: family.padTokenId,
    tasks: maskedLanguageModel === undefined ? CLASSIFICATION_TASKS : [...CLASSIFICATION_TASKS, 'masked-lm'],
    isTied: (task) => task === 'masked-lm' && config.isTied,
    embeddingMatrixName: embeddingMatrixName(family),
    basePrefix: family.prefix,
    headWeightName: (task) => `${headName(family, task)}.weight`,
    outputMatrixName: (task) =>
      task === 'masked-lm' && !config.isTied ? `${maskedLanguageModel?.decoder ?? ''}.weight` : undefined,
    parameters: (task, labelCount, ...rows) => parameters(family, task, labelCount, ...rows),
    checkpointNames: (name) => checkpointNames(name, family.prefix),
    forward: (...graph) => output(family, new ForwardContext(...graph)),
    architecture: (task) => `${family.architecturePrefix}${classSuffix(task)}`,
  };
}

/** The last linear map of a head that is not a language model's. */
function headName({ head }: EncoderFamily, task: Task): string {
  if (task === 'question-answering') return SPAN_HEAD;
  return task === 'token-classification' ? TOKEN_CLASSIFIER : head.output;
}

/** What transformers' class names of a task end with. */
function classSuffix(task: Task): string {
  switch (task) {
    case 'masked-lm':
      return 'ForMaskedLM';
    case 'token-classification':
      return 'ForTokenClassification';
    case 'question-answering':
      return 'ForQuestionAnswering';
    default:
      return 'ForSequenceClassification';
  }
}

function embeddingMatrixName({ prefix }: EncoderFamily): string {
  return `${prefix}embeddings.word_embeddings.weight`;
}

function parameters(
  family: EncoderFamily,
  task: Task,
  labelCount: number,
  vocabRows: number,
  outputRows = vocabRows,
): ParameterSpec[] {
  const { config, head, maskedLanguageModel } = family;
  const list = new ParameterList();
  list.embeddingMatrix(embeddingMatrixName(family), vocabRows, family.embeddingSize);
  family.addEmbeddings(list);
  for (let layer = 0; layer < config.layerCount; layer++) family.addLayer(list, family.layerPrefix(layer));
  family.addShared?.(list);
  if (task === 'masked-lm' && maskedLanguageModel !== undefined) {
    addMaskedLanguageModelHead(list, maskedLanguageModel, {
      hiddenSize: config.hiddenSize,
      outputSize: family.embeddingSize,
      isTied: config.isTied,
      vocabRows: config.isTied ? vocabRows : outputRows,
    });
    return list.specs;
  }
  const { hiddenSize } = config;
  if (task === 'token-classification') {
    list.linear(TOKEN_CLASSIFIER, labelCount, hiddenSize, { standardDeviation: HEAD_STANDARD_DEVIATION });
    return list.specs;
  }
  if (task === 'question-answering') {
    addSpanHead(list, hiddenSize);
    return list.specs;
  }
  list.linear(head.dense, hiddenSize, hiddenSize, { standardDeviation: head.denseStandardDeviation });
  list.linear(head.output, outputCount(task, labelCount), hiddenSize, { standardDeviation: HEAD_STANDARD_DEVIATION });
  return list.specs;
}

function output(family: EncoderFamily, context: ForwardContext): ModelOutput {
  const { config, maskedLanguageModel } = family;
  const layers = family.layers(context);
  let hidden = family.embeddings(context);
  for (let layer = 0; layer < config.layerCount; layer++)
    hidden = context.layer(hidden, `${family.layerPrefix(layer)}.`, layers.shared, (x) => layers.apply(x, layer));
  if (context.options.task === 'masked-lm' && maskedLanguageModel !== undefined)
    return maskedLanguageModelHead(context, hidden, maskedLanguageModel, {
      isTied: config.isTied,
      embeddingMatrixName: embeddingMatrixName(family),
    });
  if (context.options.task === 'token-classification')
    return { kind: 'logits', logits: classifyTokens(family, context, hidden) };
  if (context.options.task === 'question-answering')
    return { kind: 'logits', logits: spanLogits(context, hidden, family.answerDropout) };
  return { kind: 'logits', logits: classify(family, context, hidden) };
}

function classify({ head, config }: EncoderFamily, context: ForwardContext, hidden: Tensor): Tensor {
  const sequence = context.reshape(hidden, [BATCH, LENGTH, config.hiddenSize]);
  let first = firstToken(context.builder, context.dimensions, sequence);
  if (head.inputDropout !== undefined) first = context.dropout(first, head.inputDropout);
  const pooled = head.activate(context, context.linear(first, head.dense));
  return context.linear(context.dropout(pooled, head.outputDropout), head.output);
}

/** Of the tokens that have a label and no others, `[targets, labelCount]`; no family has more than dropout before the matrix. */
function classifyTokens({ tokenDropout }: EncoderFamily, context: ForwardContext, hidden: Tensor): Tensor {
  return context.linear(context.dropout(targetRows(context, hidden), tokenDropout), TOKEN_CLASSIFIER);
}

/** Layers with the normalization after each residual sum; see {@link encoderLayer}. */
export function postNormLayers(
  config: EncoderConfig & { readonly layerNormEpsilon: number },
  layerPrefix: (layer: number) => string,
  names: (prefix: string) => EncoderLayerNames,
  changes: {
    readonly attentionOutputDropout?: number;
    /** `[1, headCount, length, length]`, learned scores of relative positions. */
    readonly positionScores?: (context: ForwardContext) => Tensor;
  } = {},
): Pick<EncoderFamily, 'layerPrefix' | 'addLayer' | 'layers'> {
  return {
    layerPrefix,
    addLayer: (list, prefix) => {
      addEncoderLayer(list, names(prefix), config);
    },
    layers: (context) => {
      const positionScores = changes.positionScores?.(context);
      const options = {
        ...config,
        attentionOutputDropout: changes.attentionOutputDropout ?? config.hiddenDropout,
        outputDropout: config.hiddenDropout,
        paddingScores: paddingScores(context),
        ...(positionScores === undefined ? {} : { positionScores }),
      };
      return {
        shared: positionScores === undefined ? [] : [positionScores],
        apply: (x, layer) => encoderLayer(context, x, names(layerPrefix(layer)), options),
      };
    },
  };
}
