import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MODELS } from './models.ts';

// Parameters that the models' own files hold, by their pages: base models, and what a head of two labels adds.
const PUBLISHED: Readonly<Record<string, number>> = {
  // BertForSequenceClassification: 109,482,240 and a dense layer of 768 x 2 + 2.
  'BERT base, uncased': 109_482_240 + 1538,
  // all-MiniLM-L6-v2's safetensors: 22,713,216 without position ids.
  'all-MiniLM-L6-v2': 22_713_216 + 770,
  // 7,241,732,096 with the output matrix of 32,000 x 4096.
  'Mistral 7B': 7_241_732_096 - 32_000 * 4096 + 8192,
  'SmolLM2 135M': 134_515_008 + 1152,
  'GPT-2': 124_439_808 + 1536,
  'Llama 3.2 1B': 1_235_814_400 + 4096,
  'Qwen3 0.6B': 596_049_920 + 2048,
  // XLMRobertaModel has 278,043,648 with a pooler; the classification head has a dense layer of the pooler's size in its place.
  'XLM-R base': 278_043_648 + 1538,
  // 117,653,760 with a pooler.
  'multilingual-e5-small': 117_653_760 + 770,
  'Gemma 2 2B': 2_614_341_888 + 4608,
  'Gemma 3 270M': 268_098_176 + 1280,
};

test('MODELS have the parameters of the published models', () => {
  assert.deepEqual(Object.fromEntries(MODELS.map(({ name, parameterCount }) => [name, parameterCount])), PUBLISHED);
});

test('MODELS are sorted by the size of their vocabulary', () => {
  const sizes = MODELS.map(({ vocabSize }) => vocabSize);
  assert.deepEqual(
    sizes,
    sizes.toSorted((a, b) => a - b),
  );
});
