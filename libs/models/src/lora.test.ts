import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkAdapterTensors,
  initializeParameter,
  parseAdapterConfig,
  parseModel,
  withLora,
  type Task,
} from './mod.ts';

const SIZES = {
  vocab_size: 23, hidden_size: 12, num_hidden_layers: 12, num_attention_heads: 3, intermediate_size: 20, max_position_embeddings: 9,
}; // prettier-ignore
const bert = parseModel({ model_type: 'bert', type_vocab_size: 2, ...SIZES }, 'config.json');
const LORA = {
  rank: 4, alpha: 8, dropout: 0, targetModules: [] as string[], hasRankStabilization: false, drawnModules: [] as string[], trainsEmbeddings: false,
}; // prettier-ignore

const trainedNames = (changes: Partial<typeof LORA>, task: Task): string[] =>
  withLora(bert, { ...LORA, ...changes })
    .parameters(task, 2, 23)
    .filter(({ isFrozen }) => isFrozen !== true)
    .map(({ name }) => name);

const refusal =
  (code: string, message: RegExp) =>
  (error: Error & { code?: string }): boolean => {
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };

test('withLora trains a head and what no checkpoint has whole, and adapts neither', () => {
  const isAdapter = (name: string): boolean => name.includes('.lora_');
  const whole = (changes: Partial<typeof LORA>): string[] =>
    trainedNames(changes, 'sequence-classification').filter((name) => !isAdapter(name));
  assert.deepEqual(whole({}), ['classifier.weight', 'classifier.bias']);
  const drawn = { drawnModules: ['bert.pooler.dense', 'classifier'], targetModules: ['all-linear'] };
  assert.deepEqual(whole(drawn), ['bert.pooler.dense.weight', 'bert.pooler.dense.bias', 'classifier.weight', 'classifier.bias']); // prettier-ignore
  assert.ok(!trainedNames(drawn, 'sequence-classification').some((name) => name.startsWith('bert.pooler.dense.lora_')));
  assert.ok(trainedNames({}, 'masked-lm').every(isAdapter));
  const ofAnswers = trainedNames({}, 'question-answering').filter((name) => !isAdapter(name));
  assert.deepEqual(ofAnswers, ['qa_outputs.weight', 'qa_outputs.bias']);
  // Neither of them is one that only a drawn module would be.
  const saved = { peft_type: 'LORA', base_model_name_or_path: 'x', modules_to_save: ['qa_outputs'] };
  assert.deepEqual(parseAdapterConfig(saved, 'adapter_config.json').lora.drawnModules, []);
});

test('withLora trains the embedding matrix beside adapters where asked to, tied or not', () => {
  for (const task of ['sequence-classification', 'masked-lm'] as const) {
    const without = trainedNames({}, task);
    assert.deepEqual(
      trainedNames({ trainsEmbeddings: true }, task).filter((name) => !without.includes(name)),
      ['bert.embeddings.word_embeddings.weight'],
    );
  }
});

test('a target is a whole name or the last part of one', () => {
  const count = (...targetModules: string[]): number => trainedNames({ targetModules }, 'masked-lm').length / 2;
  assert.equal(count('query'), 12);
  assert.equal(count('output.dense'), 24);
  assert.equal(count('bert.encoder.layer.3.output.dense', 'layer.11.attention.self.key'), 2);
});

test('a target that names no linear map is refused with a list of those there are, a layer once', () => {
  for (const target of ['q_proj', 'uery', 'LayerNorm', 'word_embeddings', 'classifier', ''])
    assert.throws(
      () => trainedNames({ targetModules: ['query', target] }, 'sequence-classification'),
      refusal(
        'UNKNOWN_PARAMETER',
        new RegExp(
          `^No linear map is named "${target}"; LoRA can adapt bert\\.encoder\\.layer\\.\\*\\.attention\\.self\\.query, .*, bert\\.pooler\\.dense, by whole names`,
        ),
      ),
    );
  assert.throws(
    () => trainedNames({ targetModules: ['all-linear', 'query'] }, 'masked-lm'),
    refusal('UNKNOWN_PARAMETER', /^"all-linear" stands by itself/),
  );
});

test('A is drawn uniformly within 1 / sqrt(inputSize), B is 0', () => {
  const specs = withLora(bert, LORA).parameters('masked-lm', 2, 23);
  const drawn = specs.flatMap((spec) =>
    spec.name.endsWith('lora_A.weight') ? [...initializeParameter(spec, 42)] : [],
  );
  const bound = 1 / Math.sqrt(12);
  assert.equal(drawn.length, 24 * 4 * 12);
  assert.ok(drawn.every((value) => Math.abs(value) <= bound));
  // Of 1,152 draws: a mean within four deviations, and both ends reached.
  const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
  assert.ok(Math.abs(mean) < (4 * bound) / Math.sqrt(3 * drawn.length));
  assert.ok(Math.max(...drawn) > 0.98 * bound && Math.min(...drawn) < -0.98 * bound);
  assert.equal(new Set(drawn).size, drawn.length, 'every matrix has numbers of its own');
  const up = specs.find(({ name }) => name.endsWith('lora_B.weight'))!;
  assert.ok(initializeParameter(up, 42).every((value) => value === 0));
});

test('parseAdapterConfig takes PEFT defaults and refuses what would be another method', () => {
  const config = { peft_type: 'LORA', base_model_name_or_path: 'base', target_modules: 'query' };
  assert.deepEqual(parseAdapterConfig(config, 'adapter_config.json'), {
    lora: { ...LORA, rank: 8, targetModules: ['query'] },
    baseModelName: 'base',
    isInputMajor: false,
    tokenIds: undefined,
  });
  for (const [change, message] of [
    [{ peft_type: 'IA3' }, /^adapter_config\.json: peft_type is "IA3", expected one of LORA/],
    [{ use_dora: true }, /use_dora is true, expected not to be set/],
    [{ rank_pattern: { query: 4 } }, /rank_pattern is \{"query":4\}/],
    [{ bias: 'all' }, /bias is "all", expected one of none/],
    [{ target_modules: '.*(q|v)' }, /target_modules is "\.\*\(q\|v\)", expected a list of names/],
    [{ r: 0 }, /r is 0, expected an integer from 1/],
    [{ trainable_token_indices: [] as number[], ensure_weight_tying: true }, /ensure_weight_tying is true/],
    [{ trainable_token_indices: { embed_tokens: [1], lm_head: [1] } }, /trainable_token_indices is \["embed_tokens","lm_head"\], expected a list of token ids, or an object with one/],
    [{ trainable_token_indices: { embed_tokens: [] } }, /trainable_token_indices is \["embed_tokens"\], expected a list/],
    [{ trainable_token_indices: 7 }, /trainable_token_indices is 7, expected a list of token ids/],
    [{ trainable_token_indices: [3, -1] }, /trainable_token_indices\[1\] is -1, expected a token id from 0 to 2147483647/],
    [{ trainable_token_indices: [2 ** 31] }, /trainable_token_indices\[0\] is 2147483648, expected a token id from 0/],
    [{ trainable_token_indices: ['7'] }, /trainable_token_indices\[0\] is "7", expected a token id/],
    [{ trainable_token_indices: [5, 3, 5] }, /trainable_token_indices\[2\] is 5, expected no token id twice/],
    [{ base_model_name_or_path: null }, /base_model_name_or_path is null, expected the name of a model/],
  ] as const)
    assert.throws(() => parseAdapterConfig({ ...config, ...change }, 'adapter_config.json'), refusal('INVALID_CONFIG', message)); // prettier-ignore
  for (const trainable_token_indices of [[7, 2], { embed_tokens: [7, 2] }]) {
    const { tokenIds, lora } = parseAdapterConfig({ ...config, trainable_token_indices }, 'adapter_config.json');
    assert.deepEqual([tokenIds, lora.trainsEmbeddings], [Uint32Array.of(7, 2), true], 'in the order of the rows');
  }
  // Empty is what PEFT writes where nothing is set.
  parseAdapterConfig({ ...config, rank_pattern: {}, use_dora: false, exclude_modules: null }, 'adapter_config.json');
});

test('checkAdapterTensors refuses a tensor that would be left aside, and one that would be drawn', () => {
  const trained = ['base_model.model.a.lora_A.weight'];
  checkAdapterTensors('file', ['base_model.model.a.lora_A.weight'], trained);
  assert.throws(
    () => {
      checkAdapterTensors('file', [], trained);
    },
    refusal('MISSING_TENSOR', /has no tensor "base_model\.model\.a\.lora_A\.weight"/),
  );
  assert.throws(
    () => {
      checkAdapterTensors('file', ['base_model.model.a.lora_A.weight', 'base_model.model.b.weight', 'c'], trained);
    },
    refusal('MISSING_TENSOR', /tensor "base_model\.model\.b\.weight" is of no module .* nor are 1 others/),
  );
});
