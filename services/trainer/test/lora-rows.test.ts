// Adapters with embedding rows beside them: of a whole model, and of a reduced one whose rows have other numbers.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { RunState, Task, type PredictResponse } from '@pemmican/contract/trainer';
import { reduceCheckpoint } from '@pemmican/embedding';
import { SafetensorsFile, toFloat32 } from '@pemmican/safetensors';
import { createFolder, openByteSource, openFolder } from '@pemmican/storage';
import { ModelVariants, refusalOf } from '@pemmican/testkit';
import { TokenIdMap } from '@pemmican/vocabulary';

import { MASKING_HEAD, failureOf, finish, predictRequest, type RunFields } from './harness.ts';
import { tinyTrainer } from './tiny-trainer.ts';

const TIMEOUT = { timeout: 300_000 };
const { trainer, work, model, train, validation } = tinyTrainer('lora-rows', {}, prepare);
const LORA = { rank: 4, trainEmbeddings: true };
const OPTIONS = { maxSteps: 6, saveSteps: 2, learningRate: 1e-2, lora: LORA };
const ROWS = 'base_model.model.bert.embeddings.word_embeddings.token_adapter.trainable_tokens_delta';
const VOCAB_SIZE = 125;
/** Special tokens and the words that are used, which are not the first ones. */
const KEPT = [0, 1, 2, 3, 4, ...Array.from({ length: 40 }, (_, index) => 65 + index)];
const reduced = path.join(work, 'reduced');
const at = (name: string): string => path.join(work, name);

async function prepare(): Promise<void> {
  for (const file of [train, validation]) {
    const text = readFileSync(file, 'utf8').replace(/word(\d+)/g, (_, number) => `word${Number(number) + 60}`);
    writeFileSync(file, text);
  }
  await reduceCheckpoint({
    source: await openFolder(model),
    tokenIdMap: TokenIdMap.create(VOCAB_SIZE, Uint32Array.from(KEPT)),
    destination: await createFolder(reduced),
    pemmicanVersion: '0.1.0',
  });
}

const fields = (name: string, changes: Partial<RunFields> = {}): RunFields => ({
  model,
  output: at(name),
  train,
  validation,
  options: OPTIONS,
  ...changes,
});

async function succeed(name: string, changes: Partial<RunFields> = {}): Promise<void> {
  const { run } = await finish(trainer, fields(name, changes));
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
}

async function logits(modelFolder: string, baseModelUri = ''): Promise<number[]> {
  const values: number[] = [];
  for await (const response of trainer.client.predict({ ...predictRequest(modelFolder, validation), baseModelUri }))
    values.push(...(response as PredictResponse).logits);
  assert.equal(values.length, 2 * 32);
  return values;
}

const difference = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, index) => Math.abs(value - b[index]!)));

async function values(file: string, name: string): Promise<{ shape: readonly number[]; data: Float32Array }> {
  const source = await openByteSource(file);
  try {
    const tensors = await SafetensorsFile.open(source);
    const { dtype, shape } = tensors.get(name);
    return { shape, data: toFloat32(dtype, await tensors.read(name)) };
  } finally {
    await source.close();
  }
}

const tokenIdsOf = (name: string): unknown =>
  (JSON.parse(readFileSync(path.join(work, name, 'adapter_config.json'), 'utf8')) as Record<string, unknown>)['trainable_token_indices']; // prettier-ignore

test(
  'a run has the rows in its adapter, trained, and predict reads them in place of the base rows',
  TIMEOUT,
  async () => {
    await succeed('whole');
    assert.deepEqual(tokenIdsOf('whole'), [...Array(VOCAB_SIZE).keys()]);
    const { shape, data } = await values(path.join(work, 'whole', 'adapter_model.safetensors'), ROWS);
    assert.deepEqual(shape, [VOCAB_SIZE, 32]);
    const { data: before } = await values(path.join(model, 'model.safetensors'), 'embeddings.word_embeddings.weight');
    const changed = new Set<number>();
    data.forEach((value, index) => {
      if (value !== before[index]) changed.add(Math.floor(index / 32));
    });
    // A word's row is trained by the batch that has it; the rows of [PAD], of what no text has and of [MASK] are as they were.
    assert.ok(changed.size > 20 && [...changed].every((row) => KEPT.includes(row) && row > 1 && row !== 4));
    // The rows take part: with those of the base in their place the logits are others.
    const other = at('base-rows');
    cpSync(at('whole'), other, { recursive: true });
    const bytes = readFileSync(path.join(other, 'adapter_model.safetensors'));
    const trained = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    Buffer.from(before.buffer, before.byteOffset, before.byteLength).copy(bytes, bytes.indexOf(trained));
    writeFileSync(path.join(other, 'adapter_model.safetensors'), bytes);
    assert.ok(difference(await logits(at('whole')), await logits(other)) > 1e-3);
  },
);

test('a run that goes on from a checkpoint ends with the same bytes', TIMEOUT, async () => {
  await succeed('resumed', { resumeFromCheckpoint: path.join(work, 'whole', 'checkpoint-4') });
  const bytes = (name: string): Buffer => readFileSync(path.join(work, name, 'adapter_model.safetensors'));
  assert.ok(bytes('resumed').equals(bytes('whole')));
});

test(
  'an adapter of a reduced folder for the full model names full token ids, and predicts the same beside both',
  TIMEOUT,
  async () => {
    await succeed('for-full', { model: reduced, options: { ...OPTIONS, lora: { ...LORA, baseModelUri: model } } });
    assert.deepEqual(tokenIdsOf('for-full'), KEPT);
    const beside = await logits(at('for-full'), reduced);
    // float32 sums over the same rows; 1e-5 leaves room for another order of a kernel's sums.
    assert.ok(difference(await logits(at('for-full')), beside) < 1e-5);
    // PEMA with adapters is adapters with all rows: what the whole model's run trained, but for rows that no text has.
    assert.ok(difference(await logits(at('whole')), beside) < 1e-4);
  },
);

test(
  'an adapter of a reduced folder names its rows as they are there, and predicts the same beside both',
  TIMEOUT,
  async () => {
    await succeed('for-reduced', { model: reduced });
    assert.deepEqual(tokenIdsOf('for-reduced'), [...KEPT.keys()]);
    assert.ok(difference(await logits(at('for-reduced')), await logits(at('for-full'), reduced)) < 1e-6);
    assert.ok(difference(await logits(at('for-reduced'), model), await logits(at('for-full'))) < 1e-6);
  },
);

test(
  'an adapter without a token id map, as PEFT leaves it, has the rows of the base that it names',
  TIMEOUT,
  async () => {
    const folder = at('as-of-peft');
    cpSync(at('for-reduced'), folder, { recursive: true });
    rmSync(path.join(folder, 'pemmican-token-id-map.json'));
    assert.deepEqual(await logits(folder), await logits(at('for-reduced')));
  },
);

test('a run says where PEFT would open its adapter as another model', TIMEOUT, async () => {
  const withHead = new ModelVariants(model, work).withTensors(MASKING_HEAD);
  const options = { task: Task.MASKED_LM, maxSteps: 1, lora: LORA };
  const { run, events } = await finish(trainer, { model: withHead, output: at('masked'), train, options });
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
  const warnings = events.flatMap(({ event }) =>
    event?.$case === 'log' && event.value.severity === 'warning' ? [event.value.message] : [],
  );
  assert.ok(
    warnings.some((message) => message.startsWith('PEFT leaves out the bias')),
    warnings.join(),
  );
});

test('frozen and trained embeddings are refused together, before anything runs', TIMEOUT, async () => {
  const both = { ...OPTIONS, freezeEmbeddings: true };
  await assert.rejects(finish(trainer, fields('both', { options: both })), (error) => {
    const { code, message } = refusalOf(error);
    assert.equal(code, 'INVALID_ARGUMENT');
    assert.match(
      message,
      /spec\.options\.freeze_embeddings: freezeEmbeddings is true, expected false beside lora\.trainsEmbeddings/,
    );
    return true;
  });
});

test('a base that the rows are not of is refused before a step is taken', TIMEOUT, async () => {
  const small = at('small');
  cpSync(model, small, { recursive: true });
  const config = JSON.parse(readFileSync(path.join(small, 'config.json'), 'utf8')) as Record<string, unknown>;
  writeFileSync(path.join(small, 'config.json'), JSON.stringify({ ...config, vocab_size: 90 }));
  const options = { ...OPTIONS, lora: { ...LORA, baseModelUri: small } };
  cpSync(at('whole'), at('other-base'), { recursive: true });
  const before = readdirSync(at('other-base')).sort();
  const { run } = await finish(trainer, fields('other-base', { model: reduced, options }));
  const { code, reason, message } = failureOf(run);
  assert.deepEqual([code, reason], ['FAILED_PRECONDITION', 'VOCAB_SIZE_MISMATCH']);
  assert.match(message, /small: has a vocab_size of 90, and the rows that are trained are those of a model with 125/);
  assert.deepEqual(readdirSync(at('other-base')).sort(), before, 'what an earlier run left is there');
});

test('predict refuses an adapter with a row that its base does not have: SHAPE_MISMATCH', TIMEOUT, async () => {
  const folder = at('past-the-end');
  cpSync(at('whole'), folder, { recursive: true });
  const file = path.join(folder, 'adapter_config.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/\b124\n/, '125\n'));
  for (const [base, expected] of [
    ['', /trainable_tokens_delta" has a row for row 125 of "embeddings\.word_embeddings\.weight", which has 125/],
    [reduced, /past-the-end: has a row for token 125, .*reduced is a reduction of 125 rows/],
  ] as const)
    await assert.rejects(logits(folder, base), (error) => {
      const { code, reason, message } = refusalOf(error);
      assert.deepEqual([code, reason], ['FAILED_PRECONDITION', 'SHAPE_MISMATCH']);
      assert.match(message, expected);
      return true;
    });
});

test('estimateMemory plans gradient and moments of the rows', TIMEOUT, async () => {
  const { full: frozen } = await trainer.estimate(model, 0, { lora: { rank: 4 } });
  const { full } = await trainer.estimate(model, 0, { lora: LORA });
  const rowValues = VOCAB_SIZE * 32;
  assert.equal(full!.trainedParameterCount, frozen!.trainedParameterCount + rowValues);
  assert.equal(full!.memory!.optimizerBytes, frozen!.memory!.optimizerBytes + 8 * rowValues);
});
