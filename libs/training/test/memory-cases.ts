import type { LoraOptions } from '@pemmican/models';
import type { ProgramOptions } from '../src/mod.ts';
import { measureLiveMemory, type LiveMemory, type LiveMemoryOfDevices } from './live-memory.ts';
import type { LiveMemoryRequest } from './live-memory-child.ts';

const STEP_COUNT = 3;
const SECOND_DEVICE = '/device:CPU:1';
const LORA: LoraOptions = {
  rank: 8, alpha: 16, dropout: 0, targetModules: [], hasRankStabilization: false, drawnModules: [], trainsEmbeddings: false,
}; // prettier-ignore

/** A program whose planned memory is held against TensorFlow's log. */
export interface MemoryCase {
  readonly name: string;
  readonly layers?: number;
  readonly hidden?: number;
  readonly rows: number;
  readonly batch: readonly [rows: number, length: number];
  /** Of sequence-to-sequence tasks. */
  readonly targetLength?: number;
  readonly options?: Partial<ProgramOptions>;
  readonly freeze?: readonly string[];
  readonly lora?: Partial<LoraOptions>;
  /** In place of a BERT of this shape. */
  readonly config?: Record<string, unknown>;
  /** Evaluations in place of steps. */
  readonly isEvaluation?: boolean;
  /** Ops that the engine runs at a time; as many as there are cores where not given. */
  readonly interOpThreadCount?: number;
}

export const MEMORY_CASES: readonly MemoryCase[] = [
  { name: 'few rows, wide batch', rows: 2000, batch: [16, 64] },
  { name: 'ten times the rows, the same batch', rows: 20_000, batch: [16, 64] },
  { name: 'many rows, narrow batch: the peak is in the update', rows: 20_000, batch: [4, 32] },
  {
    name: 'a matrix that is updated block by block',
    layers: 1,
    hidden: 512,
    rows: 66_000,
    batch: [4, 32],
    options: { hasWeightDecay: true },
  },
  { name: 'a batch whose last rows are odd numbers', rows: 2001, batch: [7, 51] },
  { name: 'all-MiniLM-L6-v2, full', layers: 6, hidden: 384, rows: 30_522, batch: [16, 44] },
  { name: 'all-MiniLM-L6-v2, reduced', layers: 6, hidden: 384, rows: 4328, batch: [16, 44] },
  { name: 'weight decay', rows: 20_000, batch: [4, 32], options: { hasWeightDecay: true } },
  { name: 'dropout', rows: 2000, batch: [16, 64], options: { dropout: 0.1 } },
  {
    name: 'recomputation, dropout',
    rows: 2000,
    batch: [16, 64],
    options: { gradientCheckpointing: true, dropout: 0.1 },
  },
  { name: 'accumulation', rows: 2000, batch: [16, 64], options: { isAccumulating: true } },
  {
    name: 'accumulation, weight decay, dropout, many rows, narrow batch',
    rows: 20_000,
    batch: [2, 16],
    options: { isAccumulating: true, hasWeightDecay: true, dropout: 0.1 },
  },
  { name: 'regression', rows: 2000, batch: [16, 32], options: { task: 'regression', labelCount: 1 } },
  { name: 'products in bfloat16', rows: 2000, batch: [16, 64], options: { bf16: true } },
  {
    name: 'token classification',
    rows: 2000,
    batch: [16, 64],
    options: { task: 'token-classification', labelCount: 9, dropout: 0.1 },
  },
  {
    name: 'question answering',
    rows: 2000,
    batch: [16, 64],
    options: { task: 'question-answering', dropout: 0.1 },
  },
  { name: 'masked language model', rows: 20_000, batch: [8, 64], options: { task: 'masked-lm' } },
  {
    name: 'causal language model, tied',
    rows: 20_000,
    batch: [8, 64],
    options: { task: 'causal-lm' },
    config: llama(20_000, { tie_word_embeddings: true }),
  },
  {
    name: 'causal language model, untied, recomputation',
    rows: 9000,
    batch: [8, 64],
    options: { task: 'causal-lm', gradientCheckpointing: true },
    config: llama(9000, { tie_word_embeddings: false }),
  },
  {
    name: 'causal language model, untied, fewer rows on the input side',
    rows: 2000,
    batch: [8, 64],
    options: { task: 'causal-lm', outputRows: 9000 },
    config: llama(2000, { tie_word_embeddings: false }),
  },
  { name: 'a decoder with a classification head', rows: 2000, batch: [8, 64], config: llama(2000, {}) },
  {
    name: 'GPT-2',
    rows: 2000,
    batch: [8, 64],
    config: { model_type: 'gpt2', n_embd: 256, n_layer: 4, n_head: 4, vocab_size: 2000, pad_token_id: 0 },
  },
  { name: 'DeBERTa v3', rows: 2000, batch: [8, 64], config: debertaV3({}) },
  {
    name: "DeBERTa v2's convolution",
    rows: 2000,
    batch: [8, 64],
    options: { dropout: 0.1 },
    config: debertaV3({ conv_kernel_size: 3, conv_act: 'gelu' }),
  },
  { name: 'frozen embeddings, many rows', rows: 20_000, batch: [4, 32], freeze: ['*.word_embeddings.weight'] },
  {
    name: 'causal language model, tied, frozen embeddings and first layers',
    rows: 20_000,
    batch: [8, 64],
    options: { task: 'causal-lm' },
    config: llama(20_000, { tie_word_embeddings: true }),
    freeze: ['model.embed_tokens.weight', '*.layers.0.*', '*.layers.1.*'],
  },
  { name: 'LoRA', rows: 2000, batch: [16, 64], lora: {} },
  {
    name: 'LoRA and embedding rows, accumulation, weight decay',
    rows: 9000,
    batch: [8, 64],
    options: { isAccumulating: true, hasWeightDecay: true, dropout: 0.1 },
    lora: { dropout: 0.1, trainsEmbeddings: true },
  },
  {
    name: 'LoRA on all linear maps, dropout, weight decay',
    rows: 2000,
    batch: [16, 64],
    options: { hasWeightDecay: true, dropout: 0.1 },
    lora: { dropout: 0.1, targetModules: ['all-linear'] },
  },
  {
    name: 'LoRA on all linear maps, recomputation, accumulation, causal language model',
    rows: 20_000,
    batch: [8, 64],
    options: { task: 'causal-lm', gradientCheckpointing: true, isAccumulating: true },
    config: llama(20_000, { tie_word_embeddings: true }),
    lora: { targetModules: ['all-linear'], dropout: 0.05 },
  },
  {
    name: 'T5, tied, dropout, targets shorter than sources',
    rows: 9000,
    batch: [8, 64],
    targetLength: 24,
    options: { task: 'seq2seq-lm', dropout: 0.1 },
    config: t5(9000, { feed_forward_proj: 'relu' }),
  },
  {
    name: 'mT5, untied, recomputation, targets longer than sources',
    rows: 9000,
    batch: [8, 48],
    targetLength: 64,
    options: { task: 'seq2seq-lm', gradientCheckpointing: true },
    config: t5(9000, { model_type: 'mt5', tie_word_embeddings: false }),
  },
  {
    name: 'T5 version 1.1 with LoRA',
    rows: 9000,
    batch: [8, 64],
    targetLength: 24,
    options: { task: 'seq2seq-lm' },
    config: t5(9000, { feed_forward_proj: 'gated-gelu', tie_word_embeddings: false }),
    lora: { dropout: 0.1 },
  },
  {
    name: 'products in bfloat16, recomputation, dropout',
    rows: 2000,
    batch: [16, 64],
    options: { bf16: true, gradientCheckpointing: true, dropout: 0.1 },
  },
  {
    name: 'causal language model, untied, products in bfloat16, recomputation',
    rows: 9000,
    batch: [8, 64],
    options: { task: 'causal-lm', gradientCheckpointing: true, bf16: true },
    config: llama(9000, { tie_word_embeddings: false }),
  },
  {
    name: 'masked language model, products in bfloat16',
    rows: 20_000,
    batch: [8, 64],
    options: { task: 'masked-lm', bf16: true },
  },
  {
    name: 'T5, tied, dropout, recomputation, few tokens',
    rows: 9000,
    batch: [2, 16],
    targetLength: 8,
    options: { task: 'seq2seq-lm', dropout: 0.1, gradientCheckpointing: true },
    config: t5(9000, { feed_forward_proj: 'relu' }),
  },
  // As on a machine, or in a container, of one core.
  {
    name: 'one op at a time: recomputation, dropout',
    rows: 2000,
    batch: [16, 64],
    options: { gradientCheckpointing: true, dropout: 0.1 },
    interOpThreadCount: 1,
  },
  {
    name: 'one op at a time: causal language model, untied, recomputation',
    rows: 9000,
    batch: [8, 64],
    options: { task: 'causal-lm', gradientCheckpointing: true },
    config: llama(9000, { tie_word_embeddings: false }),
    interOpThreadCount: 1,
  },
  {
    name: 'one op at a time: T5, tied, dropout, targets shorter than sources',
    rows: 9000,
    batch: [8, 64],
    targetLength: 24,
    options: { task: 'seq2seq-lm', dropout: 0.1 },
    config: t5(9000, { feed_forward_proj: 'relu' }),
    interOpThreadCount: 1,
  },
  { name: 'one op at a time: DeBERTa v3', rows: 2000, batch: [8, 64], config: debertaV3({}), interOpThreadCount: 1 },
  { name: 'two devices', rows: 2000, batch: [16, 64], options: { otherDevices: [SECOND_DEVICE] } },
  {
    name: 'two devices, recomputation, dropout',
    rows: 2000,
    batch: [16, 64],
    options: { otherDevices: [SECOND_DEVICE], gradientCheckpointing: true, dropout: 0.1 },
  },
  {
    name: 'two devices, causal language model, untied, recomputation',
    rows: 9000,
    batch: [8, 64],
    options: { task: 'causal-lm', otherDevices: [SECOND_DEVICE], gradientCheckpointing: true },
    config: llama(9000, { tie_word_embeddings: false }),
  },
  { name: 'evaluation', rows: 2000, batch: [16, 64], isEvaluation: true },
  {
    name: 'evaluation of a causal language model, beside accumulators',
    rows: 20_000,
    batch: [8, 64],
    options: { task: 'causal-lm', isAccumulating: true },
    config: llama(20_000, { tie_word_embeddings: true }),
    isEvaluation: true,
  },
  {
    name: 'evaluation of a masked language model',
    rows: 20_000,
    batch: [32, 64],
    options: { task: 'masked-lm' },
    isEvaluation: true,
  },
  {
    name: 'evaluation of T5',
    rows: 9000,
    batch: [8, 64],
    targetLength: 24,
    options: { task: 'seq2seq-lm' },
    config: t5(9000, { feed_forward_proj: 'relu' }),
    isEvaluation: true,
  },
  { name: 'MPNet', rows: 2000, batch: [8, 64], config: { ...bert(4, 256, 2000), model_type: 'mpnet' } },
];

// A thread that another process interrupts between an op and the release of what the op read holds that for longer than any order
// of ops does, while the next op begins on the other core: seen on a busy machine, half a percent of the whole.
const MEASUREMENT_COUNT = 3;

/**
 * What the engine kept alive in a few steps, or evaluations, of a case, beside the plan. More than was planned is measured again; the
 * least counts.
 */
export function measureCase(one: MemoryCase): LiveMemoryOfDevices {
  let least = measureOnce(one);
  for (let count = 1; count < MEASUREMENT_COUNT && devicesOf(least).some(isAbovePlan); count++) {
    const next = measureOnce(one);
    const [first, other] = devicesOf(least).map((device, index) => lesser(device, devicesOf(next)[index] ?? device));
    least = { ...(first ?? least), ...(other === undefined ? {} : { otherDevice: other }) };
  }
  return least;
}

function devicesOf({ liveBytes, plan, otherDevice }: LiveMemoryOfDevices): LiveMemory[] {
  return [{ liveBytes, plan }, ...(otherDevice === undefined ? [] : [otherDevice])];
}

function isAbovePlan({ liveBytes, plan }: LiveMemory): boolean {
  return liveBytes > plan.peakBytes;
}

function lesser(a: LiveMemory, b: LiveMemory): LiveMemory {
  return a.liveBytes <= b.liveBytes ? a : b;
}

function measureOnce(one: MemoryCase): LiveMemoryOfDevices {
  const { rows, batch, layers = 4, hidden = 256, options, config, freeze = [], lora, isEvaluation = false } = one;
  const { targetLength, interOpThreadCount } = one;
  const request: LiveMemoryRequest = {
    config: config ?? bert(layers, hidden, rows),
    options: {
      task: 'sequence-classification', labelCount: 2, vocabRows: rows, paddingIndex: 0, dropout: 0, gradientCheckpointing: false, bf16: false,
      isAccumulating: false, hasWeightDecay: false, maxGradNorm: 1, adamBeta1: 0.9, adamBeta2: 0.999, ...options,
    }, // prettier-ignore
    freeze,
    ...(lora === undefined ? {} : { lora: { ...LORA, ...lora } }),
    batchSize: batch[0],
    length: batch[1],
    ...(targetLength === undefined ? {} : { targetLength }),
    stepCount: STEP_COUNT,
    isEvaluation,
  };
  return measureLiveMemory(request, interOpThreadCount);
}

function bert(layers: number, hidden: number, rows: number): Record<string, unknown> {
  return {
    model_type: 'bert', hidden_size: hidden, num_hidden_layers: layers, num_attention_heads: hidden / 64, intermediate_size: 4 * hidden, vocab_size: rows,
    max_position_embeddings: 512, type_vocab_size: 2, layer_norm_eps: 1e-12, hidden_act: 'gelu', pad_token_id: 0, hidden_dropout_prob: 0.1,
    attention_probs_dropout_prob: 0.1,
  }; // prettier-ignore
}

function debertaV3(changes: Record<string, unknown>): Record<string, unknown> {
  return {
    ...bert(4, 256, 2000), model_type: 'deberta-v2', relative_attention: true, position_buckets: 256, share_att_key: true, norm_rel_ebd: 'layer_norm',
    pos_att_type: 'p2c|c2p', position_biased_input: false, type_vocab_size: 0, ...changes,
  }; // prettier-ignore
}

function llama(rows: number, changes: Record<string, unknown>): Record<string, unknown> {
  return {
    model_type: 'llama', hidden_size: 256, num_hidden_layers: 4, num_attention_heads: 8, num_key_value_heads: 2, intermediate_size: 704, vocab_size: rows,
    max_position_embeddings: 512, rms_norm_eps: 1e-5, pad_token_id: 0, ...changes,
  }; // prettier-ignore
}

function t5(rows: number, changes: Record<string, unknown>): Record<string, unknown> {
  return {
    model_type: 't5', d_model: 256, d_kv: 32, d_ff: 512, num_layers: 4, num_heads: 8, vocab_size: rows, decoder_start_token_id: 0, pad_token_id: 0,
    ...changes,
  }; // prettier-ignore
}
