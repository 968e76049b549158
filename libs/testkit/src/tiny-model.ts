import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { entryOf, writeSafetensors, type TensorEntry } from '@pemmican/safetensors';

const HIDDEN = 32;
const LAYERS = 2;
const INTERMEDIATE = 64;
const WORDS = Array.from({ length: 120 }, (_, index) => `word${index}`);
const VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...WORDS];

/** Numbers in (-1, 1) that are the same each time. */
function numbers(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed + 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** Writes a BERT of 2 layers with random weights and a vocabulary of 125 tokens: runs with it take seconds. */
export async function makeTinyModel(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const entries: TensorEntry[] = [];
  const add = (name: string, shape: readonly number[], value?: number): void => {
    const count = shape.reduce((product, size) => product * size, 1);
    const values =
      value === undefined
        ? numbers(count, entries.length).map((number) => number * 0.1)
        : new Float32Array(count).fill(value);
    entries.push(entryOf(name, 'F32', shape, new Uint8Array(values.buffer)));
  };
  const linear = (name: string, outputs: number, inputs: number): void => {
    add(`${name}.weight`, [outputs, inputs]);
    add(`${name}.bias`, [outputs], 0);
  };
  const layerNorm = (name: string): void => {
    add(`${name}.weight`, [HIDDEN], 1);
    add(`${name}.bias`, [HIDDEN], 0);
  };
  add('embeddings.word_embeddings.weight', [VOCABULARY.length, HIDDEN]);
  add('embeddings.position_embeddings.weight', [128, HIDDEN]);
  add('embeddings.token_type_embeddings.weight', [2, HIDDEN]);
  layerNorm('embeddings.LayerNorm');
  for (let layer = 0; layer < LAYERS; layer++) {
    const prefix = `encoder.layer.${layer}`;
    for (const part of ['query', 'key', 'value']) linear(`${prefix}.attention.self.${part}`, HIDDEN, HIDDEN);
    linear(`${prefix}.attention.output.dense`, HIDDEN, HIDDEN);
    layerNorm(`${prefix}.attention.output.LayerNorm`);
    linear(`${prefix}.intermediate.dense`, INTERMEDIATE, HIDDEN);
    linear(`${prefix}.output.dense`, HIDDEN, INTERMEDIATE);
    layerNorm(`${prefix}.output.LayerNorm`);
  }
  linear('pooler.dense', HIDDEN, HIDDEN);
  const parts: Uint8Array[] = [];
  await writeSafetensors(
    { name: 'model.safetensors', write: (bytes) => Promise.resolve(void parts.push(bytes.slice())) },
    entries,
    { format: 'pt' },
  );
  await writeFile(path.join(folder, 'model.safetensors'), Buffer.concat(parts));
  const config = {
    architectures: ['BertModel'], model_type: 'bert', vocab_size: VOCABULARY.length, hidden_size: HIDDEN, num_hidden_layers: LAYERS, num_attention_heads: 4,
    intermediate_size: INTERMEDIATE, max_position_embeddings: 128, type_vocab_size: 2, hidden_act: 'gelu', layer_norm_eps: 1e-12, hidden_dropout_prob: 0.1,
    attention_probs_dropout_prob: 0.1, initializer_range: 0.02, pad_token_id: 0,
  }; // prettier-ignore
  await writeFile(path.join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(path.join(folder, 'vocab.txt'), `${VOCABULARY.join('\n')}\n`);
  await writeFile(
    path.join(folder, 'tokenizer_config.json'),
    JSON.stringify({ tokenizer_class: 'BertTokenizer', do_lower_case: true }),
  );
}

/** Writes labelled sentences that use 40 of the tiny model's words; the label is whether the first word's number is even. */
export async function makeTinyDataset(file: string, recordCount: number, seed = 1): Promise<void> {
  const draws = numbers(recordCount * 10, seed);
  const lines = Array.from({ length: recordCount }, (_, row) => {
    const words = Array.from({ length: 4 + (row % 5) }, (_, column) =>
      Math.floor(((draws[row * 10 + column] ?? 0) + 1) * 20),
    );
    return JSON.stringify({ text: words.map((word) => WORDS[word]).join(' '), label: (words[0] ?? 0) % 2 });
  });
  await writeFile(file, `${lines.join('\n')}\n`);
}
