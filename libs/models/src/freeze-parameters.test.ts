import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freezeParameters, parseModel } from './mod.ts';

const bert = parseModel(
  {
    model_type: 'bert', vocab_size: 23, hidden_size: 12, num_hidden_layers: 12, num_attention_heads: 3, intermediate_size: 20,
    max_position_embeddings: 9, type_vocab_size: 2,
  },
  'config.json',
); // prettier-ignore

function frozenNames(...patterns: string[]): string[] {
  return freezeParameters(bert, patterns)
    .parameters('sequence-classification', 2, 23)
    .filter(({ isFrozen }) => isFrozen === true)
    .map(({ name }) => name);
}

test('freezeParameters freezes whole names, and * stands for any run of characters', () => {
  assert.deepEqual(frozenNames(), []);
  assert.deepEqual(frozenNames(bert.embeddingMatrixName), [bert.embeddingMatrixName]);
  assert.deepEqual(frozenNames('*.layer.1.*.query.*'), [
    'bert.encoder.layer.1.attention.self.query.weight',
    'bert.encoder.layer.1.attention.self.query.bias',
  ]);
  assert.deepEqual(frozenNames('classifier.*', 'bert.pooler.dense.bias'), [
    'bert.pooler.dense.bias',
    'classifier.weight',
    'classifier.bias',
  ]);
});

test('freezeParameters changes nothing but what is trained', () => {
  const all = bert.parameters('regression', 1, 23);
  const frozen = freezeParameters(bert, ['*']).parameters('regression', 1, 23);
  assert.deepEqual(
    frozen,
    all.map((spec) => ({ ...spec, isFrozen: true })),
  );
});

test('freezeParameters refuses a pattern that matches nothing and says what there is, a layer once', () => {
  for (const pattern of ['bert.embeddings', 'classifierXweight', '*.layer.12.*', 'classifier.weight '])
    assert.throws(
      () => frozenNames('classifier.*', pattern),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'UNKNOWN_PARAMETER');
        assert.ok(error.message.startsWith(`No parameter is named as "${pattern}" says; there are bert.embeddings.`));
        assert.equal(error.message.split('bert.encoder.layer.*.attention.self.query.weight').length, 2);
        assert.ok(error.message.endsWith('classifier.weight, classifier.bias'));
        return true;
      },
    );
});
