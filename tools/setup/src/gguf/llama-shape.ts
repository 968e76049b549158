import type { BlobReader } from '../blob-reader.ts';
import type { GgufMetadata } from './metadata.ts';

/** Sizes and constants of a Llama. */
export interface LlamaShape {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly keyValueHeadCount: number;
  /** Elements of a head. */
  readonly headSize: number;
  readonly maxPositionCount: number;
  readonly ropeTheta: number;
  readonly rmsNormEpsilon: number;
}

const KNOWN_KEYS: ReadonlySet<string> = new Set([
  'llama.block_count',
  'llama.context_length',
  'llama.embedding_length',
  'llama.feed_forward_length',
  'llama.attention.head_count',
  'llama.attention.head_count_kv',
  'llama.attention.layer_norm_rms_epsilon',
  'llama.rope.dimension_count',
  'llama.rope.freq_base',
  'llama.vocab_size',
]);

/** @throws SetupError MALFORMED, also for a Llama with more to it (scaled rotation, experts) than is converted */
export function readLlamaShape(reader: BlobReader, metadata: GgufMetadata): LlamaShape {
  const architecture = metadata.text('general.architecture');
  if (architecture !== 'llama') reader.fail(`its architecture is "${architecture}", only "llama" is converted`);
  // Leaving one out would make another model of it, silently.
  for (const key of metadata.keys) {
    if (key.startsWith('llama.') && !KNOWN_KEYS.has(key)) reader.fail(`"${key}" has no meaning to this converter`);
  }
  const hiddenSize = metadata.count('llama.embedding_length');
  const headCount = metadata.count('llama.attention.head_count');
  const keyValueHeadCount = metadata.count('llama.attention.head_count_kv', 1, headCount);
  const headSize = metadata.count('llama.rope.dimension_count');
  if (headSize * headCount !== hiddenSize || headSize % 2 !== 0 || headCount % keyValueHeadCount !== 0) {
    const heads = `${headCount} heads of ${headSize} and ${keyValueHeadCount} of keys and values`;
    reader.fail(`${heads} do not share out its ${hiddenSize} hidden units`);
  }
  return {
    vocabSize: metadata.count('llama.vocab_size'),
    hiddenSize,
    intermediateSize: metadata.count('llama.feed_forward_length'),
    layerCount: metadata.count('llama.block_count'),
    headCount,
    keyValueHeadCount,
    headSize,
    maxPositionCount: metadata.count('llama.context_length'),
    ropeTheta: shortest(metadata.number('llama.rope.freq_base')),
    rmsNormEpsilon: shortest(metadata.number('llama.attention.layer_norm_rms_epsilon')),
  };
}

/** The shortest decimal that rounds to this float32: the 1e-5 that the model was published with, not 9.99999974e-6. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits += 1) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === Math.fround(value)) return candidate;
  }
  return value;
}
