import { ConfigReader } from './config-reader.ts';
import { ForwardContext } from './forward-context.ts';
import type { Model, ParameterSpec } from './model-family.ts';
import { ParameterList } from './parameter-list.ts';
import { readT5Config, type T5Config, type T5ModelType } from './t5-config.ts';
import { beginT5, stepT5 } from './t5-generation.ts';
import { CROSS_ATTENTION, EMBEDDINGS, OUTPUT, POSITIONS, SELF_ATTENTION, layerPrefix } from './t5-layer.ts';
import { t5Output } from './t5-stacks.ts';

const ARCHITECTURES: Readonly<Record<T5ModelType, string>> = {
  t5: 'T5ForConditionalGeneration',
  mt5: 'MT5ForConditionalGeneration',
};
// The three names of one matrix.
const EMBEDDING_NAMES = ['shared', 'encoder.embed_tokens', 'decoder.embed_tokens'].map((name) => `${name}.weight`);
// Positions are relative, so that no sequence is too long; transformers' own limit for the longest inputs there are.
const MAX_SEQUENCE_LENGTH = 1_000_000;

/** T5 and mT5: an encoder and a decoder (transformers' T5ForConditionalGeneration, MT5ForConditionalGeneration). */
export function t5Model(modelType: T5ModelType, fields: unknown, fileName: string): Model {
  return modelOf(modelType, readT5Config(modelType, new ConfigReader(fields, fileName)));
}

function modelOf(modelType: T5ModelType, config: T5Config): Model {
  return {
    modelType,
    vocabSize: config.vocabSize,
    hiddenSize: config.hiddenSize,
    maxSequenceLength: MAX_SEQUENCE_LENGTH,
    // Its embedding has no padding row.
    padTokenId: undefined,
    decoderStartTokenId: config.decoderStartTokenId,
    tasks: ['seq2seq-lm'],
    isTied: () => config.isTied,
    withTying: (isTied) => modelOf(modelType, { ...config, isTied }),
    embeddingMatrixName: `${EMBEDDINGS}.weight`,
    // transformers' name for it, which no tensor of these classes begins with.
    basePrefix: 'transformer.',
    headWeightName: () => 'classification_head.out_proj.weight',
    outputMatrixName: () => (config.isTied ? undefined : `${OUTPUT}.weight`),
    parameters: (_task, _labelCount, ...rows) => parameters(config, ...rows),
    checkpointNames: (name) => (name === `${EMBEDDINGS}.weight` ? EMBEDDING_NAMES : [name]),
    forward: (...graph) => t5Output(config, new ForwardContext(...graph)),
    generation: {
      begin: (...graph) => beginT5(config, new ForwardContext(...graph)),
      step: (step, ...graph) => stepT5(config, new ForwardContext(...graph), step),
    },
    architecture: () => ARCHITECTURES[modelType],
  };
}

function parameters(config: T5Config, vocabRows: number, outputRows = vocabRows): ParameterSpec[] {
  const list = new ParameterList();
  list.embeddingMatrix(`${EMBEDDINGS}.weight`, vocabRows, config.hiddenSize);
  addStack(list, config, 'encoder', config.encoderLayerCount);
  addStack(list, config, 'decoder', config.decoderLayerCount);
  if (!config.isTied) list.weight(OUTPUT, [outputRows, config.hiddenSize]);
  return list.specs;
}

function addStack(list: ParameterList, config: T5Config, stack: 'encoder' | 'decoder', layerCount: number): void {
  const { hiddenSize, intermediateSize, isGated } = config;
  const linear = (name: string, outputSize: number, inputSize: number): void => {
    list.linear(name, outputSize, inputSize, { hasBias: false });
  };
  for (let layer = 0; layer < layerCount; layer++) {
    const parts = stack === 'encoder' ? [SELF_ATTENTION] : [SELF_ATTENTION, CROSS_ATTENTION];
    parts.forEach((part, index) => {
      const prefix = `${layerPrefix(stack, layer)}.layer.${index}`;
      addAttention(list, config, `${prefix}.${part}`, layer === 0 && part === SELF_ATTENTION);
      list.norm(`${prefix}.layer_norm`, hiddenSize);
    });
    const prefix = `${layerPrefix(stack, layer)}.layer.${parts.length}`;
    for (const part of isGated ? ['wi_0', 'wi_1'] : ['wi'])
      linear(`${prefix}.DenseReluDense.${part}`, intermediateSize, hiddenSize);
    linear(`${prefix}.DenseReluDense.wo`, hiddenSize, intermediateSize);
    list.norm(`${prefix}.layer_norm`, hiddenSize);
  }
  list.norm(`${stack}.final_layer_norm`, hiddenSize);
}

/** @param hasPositions whether it has its stack's table of scores of relative positions */
function addAttention(list: ParameterList, config: T5Config, name: string, hasPositions: boolean): void {
  const size = config.headCount * config.headSize;
  for (const part of ['q', 'k', 'v']) list.linear(`${name}.${part}`, size, config.hiddenSize, { hasBias: false });
  list.linear(`${name}.o`, config.hiddenSize, size, { hasBias: false });
  if (hasPositions) list.biasMatrix(`${name}.${POSITIONS}`, [config.bucketCount, config.headCount]);
}
