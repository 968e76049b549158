import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GraphBuilder, GraphError, RuntimeDimensions, symbol, type Tensor } from '@pemmican/graph';
import { ModelError, SUPPORTED_MODEL_TYPES, parseModel, type Model, type ModelOutput } from './mod.ts';

const CONFIG = {
  model_type: 'bert',
  vocab_size: 30,
  hidden_size: 12,
  num_hidden_layers: 1,
  num_attention_heads: 3,
  intermediate_size: 20,
  max_position_embeddings: 9,
  type_vocab_size: 2,
};
const parse = (changes: Record<string, unknown> = {}): Model => parseModel({ ...CONFIG, ...changes }, 'm/config.json');

test('parseModel fills in the defaults of transformers’ BertConfig', () => {
  const model = parse();
  assert.equal(model.modelType, 'bert');
  assert.equal(model.padTokenId, 0);
  assert.equal(model.maxSequenceLength, 9);
  assert.equal(model.isTied('sequence-classification'), false);
  assert.equal(model.isTied('masked-lm'), true);
  assert.equal(parse({ tie_word_embeddings: false }).isTied('masked-lm'), false);
  assert.equal(parse({ pad_token_id: null }).padTokenId, undefined);
  assert.equal(parse({ pad_token_id: 5 }).padTokenId, 5);
});

test('parseModel refuses a model type that it does not know and lists those it knows', () => {
  for (const model_type of ['t6', 'toString', '__proto__', 7, null, undefined]) {
    assert.throws(
      () => parse({ model_type }),
      (error) =>
        error instanceof ModelError &&
        error.code === 'UNSUPPORTED_MODEL' &&
        error.message.includes('m/config.json') &&
        SUPPORTED_MODEL_TYPES.every((name) => error.message.includes(name)),
    );
  }
  for (const document of [null, [], 'bert', 3, undefined])
    assert.throws(() => parseModel(document, 'm/config.json'), ModelError);
});

const MALFORMED: readonly (readonly [field: string, value: unknown])[] = [
  ['vocab_size', 0],
  ['vocab_size', -1],
  ['vocab_size', 1.5],
  ['vocab_size', '30'],
  ['vocab_size', null],
  ['vocab_size', 1e12],
  ['hidden_size', 0],
  ['num_attention_heads', 5],
  ['num_attention_heads', 0],
  ['num_hidden_layers', undefined],
  ['num_hidden_layers', 1001],
  ['intermediate_size', NaN],
  ['max_position_embeddings', []],
  ['type_vocab_size', {}],
  ['hidden_act', 'swish'],
  ['hidden_act', 1],
  ['layer_norm_eps', -1e-12],
  ['layer_norm_eps', '1e-12'],
  ['hidden_dropout_prob', 1],
  ['hidden_dropout_prob', -0.1],
  ['attention_probs_dropout_prob', 2],
  ['classifier_dropout', 1],
  ['position_embedding_type', 'relative_key'],
  ['is_decoder', true],
  ['pad_token_id', 30],
  ['pad_token_id', -1],
  ['pad_token_id', 0.5],
  ['initializer_range', -1],
];
for (const [field, value] of MALFORMED)
  test(`parseModel refuses ${field} ${JSON.stringify(value) ?? 'undefined'} and names file, field and value`, () => {
    assert.throws(
      () => parse({ [field]: value }),
      (error) =>
        error instanceof ModelError &&
        error.code === 'INVALID_CONFIG' &&
        error.message.startsWith(`m/config.json: ${field} is ${JSON.stringify(value)}, expected `),
    );
  });

test('model.parameters decays everything except biases and LayerNorm, as transformers’ Trainer groups them', () => {
  for (const { name, hasWeightDecay, shape } of parse().parameters('sequence-classification', 4, 7)) {
    assert.equal(hasWeightDecay, !name.endsWith('.bias') && !name.includes('LayerNorm'), name);
    if (name === 'bert.embeddings.word_embeddings.weight') assert.deepEqual(shape, [7, 12]);
    if (name === 'classifier.weight') assert.deepEqual(shape, [4, 12]);
  }
  const regression = parse().parameters('regression', 4, 30);
  assert.deepEqual(regression.find(({ name }) => name === 'classifier.weight')?.shape, [1, 12]);
});

test('model.checkpointNames finds names with and without the prefix, new and old', () => {
  const model = parse();
  assert.deepEqual(model.checkpointNames('bert.embeddings.LayerNorm.weight'), [
    'bert.embeddings.LayerNorm.weight',
    'bert.embeddings.LayerNorm.gamma',
    'embeddings.LayerNorm.weight',
    'embeddings.LayerNorm.gamma',
  ]);
  assert.deepEqual(model.checkpointNames('bert.pooler.dense.bias'), ['bert.pooler.dense.bias', 'pooler.dense.bias']);
  assert.deepEqual(model.checkpointNames('classifier.weight'), ['classifier.weight']);
});

test('model.forward refuses parameters that are missing or of another shape while the graph is built', () => {
  const builder = new GraphBuilder();
  const shape = [symbol('batch'), symbol('length')];
  const inputIds = builder.placeholder('inputIds', 'int32', shape);
  const inputs = {
    inputIds,
    attentionMask: builder.placeholder('attentionMask', 'float32', shape),
    tokenTypeIds: builder.placeholder('tokenTypeIds', 'int32', shape),
    dropoutSeed: builder.placeholder('dropoutSeed', 'int32', [2]),
  };
  const dimensions = new RuntimeDimensions(builder, inputIds);
  const model = parse();
  const parameters = new Map<string, Tensor>(
    model
      .parameters('sequence-classification', 2, 30)
      .map(({ name, shape: own }) => [name, builder.placeholder(`p/${name}`, 'float32', own)]),
  );
  const forward = (changed: string, tensor: Tensor | undefined): ModelOutput => {
    const map = new Map(parameters);
    if (tensor === undefined) map.delete(changed);
    else map.set(changed, tensor);
    return model.forward(builder, dimensions, map, inputs, {
      task: 'sequence-classification',
      isTraining: false,
    });
  };
  const query = 'bert.encoder.layer.0.attention.self.query.weight';
  assert.throws(() => forward(query, undefined), { name: 'ModelError', code: 'MISSING_TENSOR' });
  assert.throws(
    () => forward(query, builder.placeholder('narrow', 'float32', [12, 11])),
    (error) =>
      error instanceof GraphError &&
      error.code === 'SHAPE_MISMATCH' &&
      error.message === 'matmul of [batch*length, 12] and [12, 11]^T',
  );
});

const DEBERTA = { ...CONFIG, model_type: 'deberta-v2', relative_attention: true, pos_att_type: 'p2c|c2p' };

test('parseModel refuses a convolution that would shorten the sequence or has groups, and names the field', () => {
  const of = (changes: Record<string, unknown>): Model => parseModel({ ...DEBERTA, ...changes }, 'm/config.json');
  const names = (changes: Record<string, unknown>): string[] =>
    of(changes)
      .parameters('sequence-classification', 2, 30)
      .flatMap(({ name, shape }) => (name.includes('.conv.') ? [`${name} ${shape.join('x')}`] : []));
  assert.deepEqual(names({}), []);
  assert.deepEqual(names({ conv_kernel_size: 0 }), []);
  const expected = ['conv.weight 12x12x3', 'conv.bias 12', 'LayerNorm.weight 12', 'LayerNorm.bias 12'];
  assert.deepEqual(
    names({ conv_kernel_size: 3, conv_act: 'gelu' }),
    expected.map((name) => `deberta.encoder.conv.${name}`),
  );
  for (const [field, value] of [
    ['conv_kernel_size', 4],
    ['conv_kernel_size', -1],
    ['conv_kernel_size', 1025],
    ['conv_groups', 2],
    ['conv_act', 'relu6'],
  ] as const)
    // prettier-ignore
    assert.throws(
      () => of({ conv_kernel_size: 3, [field]: value }),
      (error) =>
        error instanceof ModelError && error.code === 'INVALID_CONFIG' && error.message.includes(`m/config.json: ${field}`),
      `${field} ${value}`,
    );
});

test("parseModel ties DeBERTa's own head, which multiplies with the embedding matrix whatever the config says", () => {
  const of = (changes: Record<string, unknown>): Model => parseModel({ ...DEBERTA, ...changes }, 'm/config.json');
  assert.equal(of({ legacy: false, tie_word_embeddings: false }).isTied('masked-lm'), true);
  assert.equal(of({ legacy: false, tie_word_embeddings: false }).outputMatrixName('masked-lm'), undefined);
  const untied = of({ tie_word_embeddings: false });
  assert.equal(untied.isTied('masked-lm'), false);
  assert.equal(untied.outputMatrixName('masked-lm'), 'cls.predictions.decoder.weight');
  assert.equal(untied.outputMatrixName('sequence-classification'), undefined);
  // The output matrix and its bias have rows of their own.
  const rows = (outputRows?: number): (number | undefined)[] =>
    untied
      .parameters('masked-lm', 2, 20, outputRows)
      .flatMap(({ name, shape }) => (/decoder|word_embeddings/.test(name) ? [shape[0]] : []));
  assert.deepEqual(rows(), [20, 20, 20]);
  assert.deepEqual(rows(30), [20, 30, 30]);
});
