import assert from 'node:assert/strict';
import { test } from 'node:test';
import { familyFixtures } from '../test/fixtures.ts';
import { ModelError, parseModel, tiedAsIn, type Model, type TensorReader } from './mod.ts';
import { relativePositionBucket } from './relative-position.ts';

const SIZES = { vocab_size: 30, d_model: 8, d_kv: 4, d_ff: 12, num_layers: 2, num_heads: 3 };
const parse = (changes: Record<string, unknown> = {}): Model =>
  parseModel({ model_type: 't5', decoder_start_token_id: 0, ...SIZES, ...changes }, 'm/config.json');
const namesOf = (model: Model): string[] => model.parameters('seq2seq-lm', 2, 30).map(({ name }) => name);

test('parseModel fills in the defaults of transformers’ T5Config and MT5Config', () => {
  const [t5, mt5] = [
    parseModel({ model_type: 't5', decoder_start_token_id: 0 }, 'c'),
    parseModel({ model_type: 'mt5' }, 'c'),
  ];
  assert.deepEqual([t5.vocabSize, t5.hiddenSize, t5.isTied('seq2seq-lm')], [32_128, 512, true]);
  assert.deepEqual([mt5.vocabSize, mt5.hiddenSize, mt5.decoderStartTokenId], [250_112, 512, 0]);
  const layers = (model: Model): number =>
    new Set(namesOf(model).flatMap((name) => /^decoder\.block\.\d+/.exec(name)?.[0] ?? [])).size;
  assert.deepEqual([layers(t5), layers(mt5)], [6, 8]);
  assert.equal(layers(parse({ num_decoder_layers: 5 })), 5);
  assert.ok(namesOf(t5).includes('encoder.block.5.layer.1.DenseReluDense.wi.weight'));
  assert.ok(namesOf(mt5).includes('encoder.block.7.layer.1.DenseReluDense.wi_1.weight'));
  assert.equal(mt5.architecture('seq2seq-lm'), 'MT5ForConditionalGeneration');
});

const MALFORMED: readonly (readonly [field: string, value: unknown])[] = [
  ['vocab_size', 0],
  ['d_model', '8'],
  ['d_kv', 0],
  ['d_ff', null],
  ['num_layers', -1],
  ['num_decoder_layers', 0],
  ['num_heads', 1.5],
  ['relative_attention_num_buckets', 3],
  ['relative_attention_max_distance', 16],
  ['dropout_rate', 1],
  ['layer_norm_epsilon', -1e-6],
  ['feed_forward_proj', 'swish'],
  ['feed_forward_proj', 'gelu-gated'],
  ['feed_forward_proj', 'gated-gelu-new'],
  ['feed_forward_proj', 3],
  ['dense_act_fn', 'silu'],
  ['decoder_start_token_id', null],
  ['decoder_start_token_id', 30],
  ['is_encoder_decoder', false],
  ['tie_word_embeddings', 'no'],
  ['scale_decoder_outputs', 1],
];
for (const [field, value] of MALFORMED)
  test(`parseModel refuses T5's ${field} ${JSON.stringify(value)} and names file, field and value`, () => {
    assert.throws(
      () => parse({ [field]: value }),
      (error) =>
        error instanceof ModelError &&
        error.code === 'INVALID_CONFIG' &&
        error.message.startsWith(`m/config.json: ${field} is ${JSON.stringify(value)}, expected `),
    );
  });

test("model.parameters decays all but T5's normalizations and position scores, as transformers’ Trainer groups them", () => {
  // Its get_decay_parameter_names leaves out names with `bias` and `_norm` (transformers 5.23).
  for (const { name, hasWeightDecay } of parse().parameters('seq2seq-lm', 2, 30))
    assert.equal(hasWeightDecay, !name.includes('bias') && !name.includes('_norm'), name);
});

test('model.checkpointNames knows the three names of T5’s one embedding matrix', () => {
  assert.deepEqual(parse().checkpointNames('shared.weight'), [
    'shared.weight', 'encoder.embed_tokens.weight', 'decoder.embed_tokens.weight',
  ]); // prettier-ignore
  assert.deepEqual(parse().checkpointNames('lm_head.weight'), ['lm_head.weight']);
});

test('model.parameters gives T5’s own output matrix rows of its own, where the embedding matrix is reduced', () => {
  const untied = parse({ tie_word_embeddings: false });
  assert.deepEqual(
    [untied.outputMatrixName('seq2seq-lm'), parse().outputMatrixName('seq2seq-lm')],
    ['lm_head.weight', undefined],
  );
  const rows = (...counts: [number, number?]): (number | undefined)[] =>
    untied
      .parameters('seq2seq-lm', 2, ...counts)
      .flatMap(({ name, shape }) => (/^(shared|lm_head)/.test(name) ? [shape[0]] : []));
  assert.deepEqual(rows(20), [20, 20]);
  assert.deepEqual(rows(20, 30), [20, 30]);
});

/** A checkpoint with these tensors, one byte an element. */
function checkpointOf(tensors: Readonly<Record<string, readonly number[]>>): TensorReader {
  const bytesOf = (name: string): Uint8Array => Uint8Array.from(tensors[name] ?? []);
  return {
    name: 'm',
    has: (name) => name in tensors,
    get: (name) => ({ name, dtype: 'U8', shape: [bytesOf(name).length], lengthBytes: bytesOf(name).length }) as never,
    readRange: (name, offset, target) => {
      target.set(bytesOf(name).subarray(offset, offset + target.length));
      return Promise.resolve();
    },
  };
}

test('tiedAsIn ties T5’s output matrix unless the checkpoint has one that differs, whatever the config says', async () => {
  const [shared, other] = [
    [1, 2, 3],
    [1, 2, 4],
  ];
  for (const tie_word_embeddings of [true, false]) {
    const isTied = async (
      tensors: Readonly<Record<string, readonly number[]>>,
      kept?: Uint32Array,
    ): Promise<boolean> => {
      const model = await tiedAsIn(parse({ tie_word_embeddings }), checkpointOf(tensors), kept);
      assert.equal(namesOf(model).includes('lm_head.weight'), !model.isTied('seq2seq-lm'));
      return model.isTied('seq2seq-lm');
    };
    assert.equal(await isTied({ 'shared.weight': shared }), true);
    assert.equal(await isTied({ 'shared.weight': shared, 'lm_head.weight': shared }), true);
    assert.equal(await isTied({ 'shared.weight': shared, 'lm_head.weight': other }), false);
    assert.equal(await isTied({ 'encoder.embed_tokens.weight': shared, 'lm_head.weight': other }), false);
    assert.equal(await isTied({ 'shared.weight': shared, 'decoder.embed_tokens.weight': shared }), true);
    await assert.rejects(
      isTied({ 'encoder.embed_tokens.weight': shared, 'decoder.embed_tokens.weight': other }),
      (error: unknown) =>
        error instanceof ModelError &&
        error.code === 'UNSUPPORTED_MODEL' &&
        error.message.includes('"encoder.embed_tokens.weight" and "decoder.embed_tokens.weight"'),
    );
    // Rows 0 and 2 are kept of the embedding matrix, and all of the output matrix.
    const kept = Uint32Array.of(0, 2);
    assert.equal(await isTied({ 'shared.weight': [1, 3], 'lm_head.weight': shared }, kept), true);
    assert.equal(await isTied({ 'shared.weight': [1, 3], 'lm_head.weight': other }, kept), false);
    assert.equal(await isTied({ 'shared.weight': [1, 3], 'lm_head.weight': [1, 3] }, kept), true);
    assert.equal(await isTied({ 'shared.weight': [1, 3], 'lm_head.weight': [1, 4] }, kept), false);
  }
  const bert = parseModel(
    { model_type: 'bert', vocab_size: 30, hidden_size: 12, num_hidden_layers: 1, num_attention_heads: 3, intermediate_size: 20, max_position_embeddings: 9 },
    'c',
  ); // prettier-ignore
  assert.equal(await tiedAsIn(bert, checkpointOf({})), bert);
});

test('relativePositionBucket puts every distance where T5’s decoder does', () => {
  const { first, ids } = familyFixtures().get('t5')!.causalBuckets!;
  const buckets = { bucketCount: 32, maxDistance: 128, isBidirectional: false };
  assert.deepEqual(
    ids.map((_, index) => relativePositionBucket(first + index, buckets)),
    ids,
  );
});
