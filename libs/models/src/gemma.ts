import { ConfigReader } from './config-reader.ts';
import { readDecoderConfig, readLayerTypes, type DecoderConfig } from './decoder-config.ts';
import { decoderModel } from './decoder.ts';
import type { Model } from './model-family.ts';
import { readRope } from './rope.ts';

const MAX = Number.MAX_VALUE;

/** Gemma 2 (arXiv 2408.00118): soft caps, and a sliding window in every other layer. */
export function gemma2Model(config: unknown, fileName: string): Model {
  const reader = new ConfigReader(config, fileName);
  const parsed = readGemma(reader, 10_000);
  return decoderModel('gemma2', 'Gemma2', {
    ...parsed,
    logitSoftCap: softCap(reader, 'final_logit_softcapping', 30),
    scoreSoftCap: softCap(reader, 'attn_logit_softcapping', 50),
    layerTypes: readLayerTypes(reader, parsed.layerCount, (layer) => layer % 2 === 0),
  });
}

/** The text model of Gemma 3 (arXiv 2503.19786): five sliding layers to each full one, with a rotary base of their own. */
export function gemma3TextModel(config: unknown, fileName: string): Model {
  const reader = new ConfigReader(config, fileName);
  const parsed = readGemma(reader, 1_000_000);
  const period = reader.count('sliding_window_pattern', 6);
  const local = reader.number('rope_local_base_freq', 10_000, 1, MAX);
  const hasNewNames = reader.object('rope_parameters') !== undefined;
  return decoderModel('gemma3_text', 'Gemma3Text', {
    ...parsed,
    logitSoftCap: softCap(reader, 'final_logit_softcapping', undefined),
    scoreSoftCap: softCap(reader, 'attn_logit_softcapping', undefined),
    hasQueryKeyNorm: true,
    layerTypes: readLayerTypes(reader, parsed.layerCount, (layer) => (layer + 1) % period !== 0),
    rope: {
      full_attention: readRope(reader, 1_000_000, 'full_attention'),
      sliding_attention: hasNewNames ? readRope(reader, local, 'sliding_attention') : { type: 'default', theta: local },
    },
  });
}

/** `cap * tanh(x / cap)`, or nothing where the field is null. */
function softCap(reader: ConfigReader, field: string, fallback: number | undefined): number | undefined {
  const value = reader.get(field);
  if (value === null || (value === undefined && fallback === undefined)) return undefined;
  return reader.number(field, fallback ?? NaN, Number.MIN_VALUE, MAX);
}

/** What Gemma 2 and 3 share: scaled embeddings, four normalizations a layer whose weights count from 0, a query scale of its own. */
function readGemma(reader: ConfigReader, ropeTheta: number): DecoderConfig {
  const parsed = readDecoderConfig(reader, {
    padTokenId: 0,
    activationField: 'hidden_activation',
    activation: 'gelu_pytorch_tanh',
    headSize: 256,
    isTied: true,
    ropeTheta,
  });
  if (reader.flag('use_bidirectional_attention', false)) reader.fail('use_bidirectional_attention', 'false');
  const hasBias = reader.flag('attention_bias', false);
  return {
    ...parsed,
    normOffset: 1,
    hasOutputNorms: true,
    hasQueryKeyValueBias: hasBias,
    hasAttentionOutputBias: hasBias,
    // transformers keeps it as a float32.
    embeddingScale: Math.fround(Math.sqrt(parsed.hiddenSize)),
    queryScale: 1 / Math.sqrt(reader.number('query_pre_attn_scalar', 256, Number.MIN_VALUE, MAX)),
    slidingWindow: reader.get('sliding_window') === null ? undefined : reader.count('sliding_window', 4096),
  };
}
