import { ConfigReader } from './config-reader.ts';
import { readDecoderConfig, readLayerTypes, type DecoderConfig } from './decoder-config.ts';
import { decoderModel } from './decoder.ts';
import type { Model } from './model-family.ts';

/** Qwen 2 and 2.5 (arXiv 2407.10671): Llama with biases on queries, keys and values. */
export function qwen2Model(config: unknown, fileName: string): Model {
  const reader = new ConfigReader(config, fileName);
  const parsed = withWindow(reader, readDecoderConfig(reader, { ropeTheta: 10_000 }));
  return decoderModel('qwen2', 'Qwen2', { ...parsed, hasQueryKeyValueBias: true });
}

/** Qwen 3 (arXiv 2505.09388): no biases, and each head's query and key normalized. */
export function qwen3Model(config: unknown, fileName: string): Model {
  const reader = new ConfigReader(config, fileName);
  const parsed = withWindow(reader, readDecoderConfig(reader, { ropeTheta: 10_000, headSize: 128 }));
  const hasBias = reader.flag('attention_bias', false);
  return decoderModel('qwen3', 'Qwen3', {
    ...parsed,
    hasQueryKeyNorm: true,
    hasQueryKeyValueBias: hasBias,
    hasAttentionOutputBias: hasBias,
  });
}

/** `use_sliding_window`: layers from `max_window_layers` on see `sliding_window` tokens. */
function withWindow(reader: ConfigReader, parsed: DecoderConfig): DecoderConfig {
  const slidingWindow =
    reader.flag('use_sliding_window', false) && reader.get('sliding_window') !== null
      ? reader.count('sliding_window', 4096)
      : undefined;
  const first = slidingWindow === undefined ? Infinity : reader.number('max_window_layers', 28, 0, Number.MAX_VALUE);
  return { ...parsed, slidingWindow, layerTypes: readLayerTypes(reader, parsed.layerCount, (layer) => layer >= first) };
}
