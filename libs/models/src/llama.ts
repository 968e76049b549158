import { ConfigReader } from './config-reader.ts';
import { readDecoderConfig } from './decoder-config.ts';
import { decoderModel } from './decoder.ts';
import type { Model } from './model-family.ts';

/** Llama 1 to 3 (arXiv 2407.21783) and SmolLM2, which has its architecture. */
export function llamaModel(config: unknown, fileName: string): Model {
  const reader = new ConfigReader(config, fileName);
  const parsed = readDecoderConfig(reader, { ropeTheta: 10_000 });
  const hasAttentionBias = reader.flag('attention_bias', false);
  return decoderModel('llama', 'Llama', {
    ...parsed,
    hasQueryKeyValueBias: hasAttentionBias,
    hasAttentionOutputBias: hasAttentionBias,
    hasMlpBias: reader.flag('mlp_bias', false),
  });
}
