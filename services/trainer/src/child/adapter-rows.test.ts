import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseModel, type Model } from '@pemmican/models';

import { adapterRowsWarning } from './adapter-rows.ts';

const SIZES = { vocab_size: 23, hidden_size: 12, num_hidden_layers: 2, num_attention_heads: 3, intermediate_size: 20 };
const T5_SIZES = { vocab_size: 23, d_model: 12, d_kv: 4, d_ff: 20, num_layers: 2, num_heads: 3 };
const modelOf = (config: object): Model => parseModel(config, 'config.json');

test('a person is told of adapters that PEFT opens as another model, and of no others', () => {
  const t5 = modelOf({ model_type: 't5', ...T5_SIZES, decoder_start_token_id: 0 });
  assert.match(adapterRowsWarning(t5.withTying!(false), 'seq2seq-lm')!, /into its output matrix too.* Merge it/);
  assert.equal(adapterRowsWarning(t5.withTying!(true), 'seq2seq-lm'), undefined);
  const bert = modelOf({ model_type: 'bert', max_position_embeddings: 9, type_vocab_size: 2, ...SIZES });
  assert.match(adapterRowsWarning(bert, 'masked-lm')!, /PEFT leaves out the bias of an output matrix.* Merge it/);
  assert.equal(adapterRowsWarning(bert, 'sequence-classification'), undefined);
  for (const tie_word_embeddings of [true, false]) {
    const llama = modelOf({ model_type: 'llama', max_position_embeddings: 9, tie_word_embeddings, ...SIZES });
    assert.equal(adapterRowsWarning(llama, 'causal-lm'), undefined);
  }
});
