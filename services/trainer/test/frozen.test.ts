import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { RunState } from '@pemmican/contract/trainer';
import { Checkpoint } from '@pemmican/safetensors';
import { openFolder } from '@pemmican/storage';

import { finish } from './harness.ts';
import { tinyTrainer } from './tiny-trainer.ts';

const TIMEOUT = { timeout: 300_000 };
const { trainer, work, model, train } = tinyTrainer('frozen');
const EMBEDDING_BYTES = 4 * 125 * 32;
const EMBEDDING = 'embeddings.word_embeddings.weight';

async function readTensors(folder: string): Promise<Map<string, Buffer>> {
  const checkpoint = await Checkpoint.open(await openFolder(folder));
  const tensors = new Map<string, Buffer>();
  for (const name of checkpoint.tensorNames) tensors.set(name, Buffer.from(await checkpoint.read(name)));
  await checkpoint.close();
  return tensors;
}

test('a run with frozen parameters gives them back as they were, weight decay or not', TIMEOUT, async () => {
  const output = path.join(work, 'output');
  const options = {
    maxSteps: 3,
    weightDecay: 0.1,
    learningRate: 1e-2,
    freezeEmbeddings: true,
    freeze: ['*.layer.0.*'],
  };
  const { run } = await finish(trainer, { model, output, train, options });
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
  const [before, after] = [await readTensors(model), await readTensors(output)];
  for (const [name, bytes] of before) {
    const isFrozen = name === EMBEDDING || name.startsWith('encoder.layer.0.');
    assert.equal(after.get(name)?.equals(bytes), isFrozen, name);
  }
  assert.ok((run.result?.trainedParameterCount ?? 0) < (run.result?.parameterCount ?? 0));
  // What restore multiplies unused rows by: decay does not touch a frozen matrix.
  assert.equal(run.result?.unusedRowDecayFactor, 1);
  const moments = readFileSync(path.join(output, 'checkpoint-3', 'optimizer.safetensors'), 'latin1');
  assert.ok(moments.includes('moment1.bert.encoder.layer.1.') && !moments.includes('moment1.bert.encoder.layer.0.'));
});

test('a checkpoint is not resumed with other parameters frozen', TIMEOUT, async () => {
  const output = path.join(work, 'resumed');
  const resumeFromCheckpoint = path.join(work, 'output', 'checkpoint-3');
  const options = { maxSteps: 4, weightDecay: 0.1, learningRate: 1e-2, freezeEmbeddings: true };
  const { run } = await finish(trainer, { model, output, train, options, resumeFromCheckpoint });
  assert.equal(run.state, RunState.FAILED);
  assert.match(
    run.error?.message ?? '',
    /frozen is bert\.embeddings\.word_embeddings\.weight \*\.layer\.0\.\* in the checkp/,
  );
});

test('estimateMemory counts no gradient and no moments for frozen embeddings', TIMEOUT, async () => {
  const { full: whole } = await trainer.estimate(model, 45);
  const { full: frozen } = await trainer.estimate(model, 45, { freezeEmbeddings: true });
  assert.equal(frozen?.parameterCount, whole?.parameterCount);
  assert.equal(whole?.trainedParameterCount, whole?.parameterCount);
  assert.equal(4 * (whole!.trainedParameterCount - frozen!.trainedParameterCount), EMBEDDING_BYTES);
  assert.equal(frozen?.memory?.embeddingBytes, EMBEDDING_BYTES);
  assert.equal(whole!.memory!.optimizerBytes - frozen.memory.optimizerBytes, 2 * EMBEDDING_BYTES);
  assert.ok(whole!.memory!.peakBytes - frozen.memory.peakBytes >= 2 * EMBEDDING_BYTES);
});
