import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TensorflowSession } from '@pemmican/engine';
import type { GraphSession } from '@pemmican/graph';
import { trainSmall, type SmallCase, type SmallResult } from '../test/small-runs.ts';
import { VirtualDeviceSession } from '../test/virtual-devices.ts';

// Towers on one device, by the engine's own addon, and on several CPU devices of one session, by TensorFlow's C API: what is
// trained has to be what gradient accumulation of the same micro-batches on one device gives, bit by bit.

const SIZES = { hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 48, max_position_embeddings: 32, pad_token_id: 0 }; // prettier-ignore
const BERT = {
  ...SIZES, model_type: 'bert', type_vocab_size: 2, layer_norm_eps: 1e-12, hidden_act: 'gelu', hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1,
}; // prettier-ignore
const LLAMA = { ...SIZES, model_type: 'llama', num_key_value_heads: 2, rms_norm_eps: 1e-5, tie_word_embeddings: true };
const MT5 = {
  model_type: 'mt5', d_model: 32, d_kv: 8, d_ff: 48, num_layers: 2, num_heads: 4, pad_token_id: 0, decoder_start_token_id: 0, tie_word_embeddings: false,
  dropout_rate: 0.1,
}; // prettier-ignore
const LORA = {
  rank: 4,
  alpha: 8,
  dropout: 0.1,
  targetModules: ['all-linear'],
  hasRankStabilization: false,
  drawnModules: [],
};

const CASES: Readonly<Record<string, SmallCase>> = {
  'BERT, sequence classification, weight decay': {
    config: BERT,
    options: { task: 'sequence-classification', weightDecay: 0.01 },
  },
  'BERT, masked language model, recomputation': {
    config: BERT,
    options: { task: 'masked-lm', gradientCheckpointing: true },
  },
  'DeBERTa, token classification': {
    config: {
      ...BERT, model_type: 'deberta-v2', relative_attention: true, position_buckets: 16, share_att_key: true, norm_rel_ebd: 'layer_norm', pos_att_type: 'p2c|c2p',
      position_biased_input: false, type_vocab_size: 0,
    }, // prettier-ignore
    options: { task: 'token-classification' },
  },
  'ELECTRA, question answering, frozen embeddings': {
    config: { ...BERT, model_type: 'electra', embedding_size: 32 },
    options: { task: 'question-answering' },
    freeze: ['*.word_embeddings.weight'],
  },
  'BERT, regression, bfloat16': { config: BERT, options: { task: 'regression', bf16: true } },
  'Llama, causal language model, LoRA': { config: LLAMA, options: { task: 'causal-lm' }, lora: LORA },
  'mT5, sequence-to-sequence, untied': { config: MT5, options: { task: 'seq2seq-lm' } },
};

const open = (savedModel: Uint8Array): GraphSession => TensorflowSession.open(savedModel);

function assertEqual(actual: SmallResult, expected: SmallResult): void {
  assert.deepEqual(actual.events, expected.events);
  assert.deepEqual([...actual.values.keys()], [...expected.values.keys()]);
  for (const [name, values] of expected.values) assert.deepEqual(actual.values.get(name), values, name);
}

function caseOf(name: keyof typeof CASES): SmallCase {
  const found = CASES[name];
  if (found === undefined) throw new RangeError(`There is no case "${name}"`);
  return found;
}

for (const [name, one] of Object.entries(CASES))
  test(`a tower on each of two devices trains as accumulation on one does, bit by bit: ${name}`, async () => {
    const accumulated = await trainSmall(one, { gradientAccumulationSteps: 2 }, [], open);
    // Seven micro-batches an epoch: the fourth step has one, of a single record, and leaves a tower without.
    assert.equal(accumulated.events.length, 2 * 4 + 3, 'steps of two epochs, evaluations before, between and after');
    const sessions: VirtualDeviceSession[] = [];
    const towers = await trainSmall(one, {}, ['/device:CPU:1'], (savedModel) => {
      const session = new VirtualDeviceSession(savedModel, 2);
      session.isTracing = true;
      sessions.push(session);
      return session;
    });
    assertEqual(towers, accumulated);
    assertBothWork(sessions[0]?.nodesOf ?? new Map());
  });

/** As TensorFlow's trace of every step tells: both devices multiply matrices, and the first alone updates weights. */
function assertBothWork(nodesOf: ReadonlyMap<string, ReadonlySet<string>>): void {
  const count = (device: number, op: RegExp): number =>
    [...(nodesOf.get(`/job:localhost/replica:0/task:0/device:CPU:${device}`) ?? [])].filter((name) => op.test(name))
      .length;
  assert.equal(nodesOf.size, 2);
  // Names that end otherwise are of what is received from the other device.
  for (const device of [0, 1])
    assert.ok(count(device, /^(?:Batch)?MatMul(?:V2)?_\d+$/) > 20, `products of device ${device}`);
  const isUpdate = /^(?:ResourceApplyAdam|AssignAddVariableOp|AssignVariableOp)_\d+$/;
  assert.ok(count(0, isUpdate) > 10);
  assert.equal(count(1, isUpdate), 0);
}

for (const [devices, accumulation] of [
  [3, 1],
  [2, 2],
] as const)
  test(`${devices} towers on one device, ${accumulation} times a step, train as ${devices * accumulation} times accumulation does`, async () => {
    const one = caseOf('BERT, sequence classification, weight decay');
    const accumulated = await trainSmall(one, { gradientAccumulationSteps: devices * accumulation }, [], open);
    const others = Array.from({ length: devices - 1 }, () => '');
    assertEqual(await trainSmall(one, { gradientAccumulationSteps: accumulation }, others, open), accumulated);
  });
