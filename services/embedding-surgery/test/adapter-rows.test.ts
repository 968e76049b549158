// Adapters with embedding rows as PEFT leaves them: without a token id map, by the ids of the base that they name.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { ReduceSpec, RestoreSpec, SurgeryResult } from '@pemmican/contract/surgery';
import { Checkpoint, entryOf } from '@pemmican/safetensors';
import { ArtifactRoots, openFolder } from '@pemmican/storage';
import { makeTinyModel } from '@pemmican/testkit';
import { reduceJob } from '../src/reduce-job.ts';
import { restoreJob } from '../src/restore-job.ts';
import { reduceSpec, restoreSpec, surgeryHooks, temporaryFolder, writeAdapter } from './harness.ts';

const KEPT = [0, 1, 2, 3, 4, 50, 60, 70];
const HIDDEN_SIZE = 32;
const MATRIX = 'embeddings.word_embeddings.weight';
/** An adapter of two rows: of ones and of twos. */
async function writeRowsAdapter(folder: string, baseModelName: string, tokenIds: readonly number[]): Promise<void> {
  const fields = { peft_type: 'LORA', r: 2, target_modules: ['query'], base_model_name_or_path: baseModelName, trainable_token_indices: tokenIds }; // prettier-ignore
  const values = Float32Array.from({ length: 2 * HIDDEN_SIZE }, (_, index) => 1 + Math.floor(index / HIDDEN_SIZE));
  const name = 'base_model.model.bert.embeddings.word_embeddings.token_adapter.trainable_tokens_delta';
  await writeAdapter(folder, fields, [entryOf(name, 'F32', [2, HIDDEN_SIZE], new Uint8Array(values.buffer))]);
}

/** Numbers of the rows in which two models differ, with their first value in the second. */
async function changedRows(before: string, after: string): Promise<[row: number, value: number][]> {
  const read = async (folder: string): Promise<Float32Array> => {
    const checkpoint = await Checkpoint.open(await openFolder(folder));
    const bytes = await checkpoint.read(MATRIX);
    await checkpoint.close();
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  };
  const [old, now] = [await read(before), await read(after)];
  return Array.from({ length: old.length / HIDDEN_SIZE }, (_, row) => row)
    .filter((row) =>
      old.subarray(row * HIDDEN_SIZE, (row + 1) * HIDDEN_SIZE).some((value, i) => value !== now[row * HIDDEN_SIZE + i]),
    ) // prettier-ignore
    .map((row) => [row, now[row * HIDDEN_SIZE] ?? NaN]);
}

const restore = (
  model: string,
  adapter: string,
  output: string,
  changes = {},
  artifactRoots = ArtifactRoots.everywhere,
): Promise<SurgeryResult> =>
  restoreJob(
    {
      ...(restoreSpec({ modelUri: model, trainedUri: adapter, outputUri: output }).operation!.value as RestoreSpec),
      ...changes,
    },
    surgeryHooks({ artifactRoots }),
  );

test('rows of an adapter go where the base that it names has them', async (t) => {
  const folder = temporaryFolder(t);
  const at = (name: string): string => path.join(folder, name);
  await makeTinyModel(at('model'));
  const reduction = reduceSpec({ modelUri: at('model'), outputUri: at('reduced'), keptTokenIds: KEPT });
  await reduceJob(reduction.operation!.value as ReduceSpec, surgeryHooks());
  await writeRowsAdapter(at('of-full'), at('model'), [70, 6]);
  await restore(at('model'), at('of-full'), at('merged-full'));
  assert.deepEqual(await changedRows(at('model'), at('merged-full')), [[6, 2], [70, 1]]); // prettier-ignore

  // Row 6 of the reduced folder is token 60.
  await writeRowsAdapter(at('of-reduced'), at('reduced'), [7, 6]);
  const result = await restore(at('model'), at('of-reduced'), at('merged'));
  assert.equal(result.mergedRowCount, 2);
  assert.deepEqual(await changedRows(at('model'), at('merged')), [[60, 2], [70, 1]]); // prettier-ignore
  // Merged into the reduced folder itself, they stay where they are.
  await restore(at('reduced'), at('of-reduced'), at('merged-reduced'));
  assert.deepEqual(await changedRows(at('reduced'), at('merged-reduced')), [[6, 2], [7, 1]]); // prettier-ignore

  await writeRowsAdapter(at('past'), at('reduced'), [7, 8]);
  await assert.rejects(restore(at('model'), at('past'), at('none')), {
    code: 'INVALID_CONFIG',
    message: /past\/adapter_config\.json: token id 1 is 8, the reduced folder has rows 0 to 7/,
  });
  // A folder that the service may not read says nothing, be it there or not.
  mkdirSync(at('roots'));
  await restore(at('model'), at('of-reduced'), at('merged-apart'), {}, ArtifactRoots.parse(at('roots')));
  assert.deepEqual(await changedRows(at('model'), at('merged-apart')), [[6, 2], [7, 1]]); // prettier-ignore
});

test('unused rows of an adapter do not decay: INVALID_OPTION where that is asked for', async (t) => {
  const folder = temporaryFolder(t);
  const at = (name: string): string => path.join(folder, name);
  await makeTinyModel(at('model'));
  await writeRowsAdapter(at('adapter'), at('model'), [7, 6]);
  await assert.rejects(restore(at('model'), at('adapter'), at('none'), { unusedRowDecay: true }), {
    code: 'INVALID_OPTION',
    message: /is an adapter with 2 embedding rows: it leaves all others as they are/,
  });
});
