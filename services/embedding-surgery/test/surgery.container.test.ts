import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { SurgeryState, type EmbeddingSurgeryServiceClient } from '@pemmican/contract/surgery';
import { artifactsFolder, ServiceContainer } from '@pemmican/images/testing';
import { modelFolder } from '@pemmican/testkit';
import { connect, failureOf, reduceSpec, restoreSpec, runSurgery } from './harness.ts';

// [PAD], [UNK], [CLS], [SEP], [MASK] and 1000 ordinary words.
const KEPT = [0, 100, 101, 102, 103, ...Array.from({ length: 1000 }, (_, index) => 1999 + 3 * index)];
// Less than the reduced all-MiniLM-L6-v2 takes (45 MB), more than what it is made of beside the weights.
const SMALL_DISK_BYTES = 16 * 1024 * 1024;

const { folder, remove } = artifactsFolder('surgery');
let container: ServiceContainer;
let client: EmbeddingSurgeryServiceClient;

before(async () => {
  cpSync(modelFolder('all-MiniLM-L6-v2'), path.join(folder, 'model'), { recursive: true });
  container = await ServiceContainer.start('embedding-surgery', {
    artifacts: folder,
    smallDisks: { '/data/small': SMALL_DISK_BYTES },
  });
  client = connect(container.address);
});
after(async () => {
  client.close();
  await container.remove();
  await remove();
});

test(
  'the service in its image reduces all-MiniLM-L6-v2, and restores it byte for byte',
  { timeout: 120_000 },
  async () => {
    const spec = reduceSpec({ modelUri: '/data/model', outputUri: '/data/reduced', keptTokenIds: KEPT });
    const reduced = await runSurgery(client, spec);
    assert.equal(reduced.state, SurgeryState.SUCCEEDED, reduced.error?.message);
    assert.equal(reduced.result?.reducedVocabSize, KEPT.length);
    const back = restoreSpec({ modelUri: '/data/model', trainedUri: '/data/reduced', outputUri: '/data/restored' });
    const restored = await runSurgery(client, back);
    assert.equal(restored.state, SurgeryState.SUCCEEDED, restored.error?.message);
    for (const file of ['model.safetensors', 'config.json', 'tokenizer.json', 'vocab.txt'])
      assert.ok(
        readFileSync(path.join(folder, 'restored', file)).equals(readFileSync(path.join(folder, 'model', file))),
        file,
      );
  },
);

test('a disk that is full fails the surgery with the file and leaves nothing; the service goes on', async () => {
  const spec = reduceSpec({ modelUri: '/data/model', outputUri: '/data/small/reduced', keptTokenIds: KEPT });
  const failure = failureOf(await runSurgery(client, spec));
  assert.deepEqual([failure.code, failure.reason], ['RESOURCE_EXHAUSTED', 'DISK_FULL'], failure.message);
  assert.match(failure.message, /\/data\/small\/reduced.*(?:bytes|space)/);
  const { output } = await container.execute(
    'node',
    '-e',
    'console.log(JSON.stringify(require("fs").readdirSync("/data/small")))',
  );
  assert.deepEqual(JSON.parse(output), [], 'what was written is removed');
  const elsewhere = reduceSpec({ modelUri: '/data/model', outputUri: '/data/elsewhere', keptTokenIds: KEPT });
  const surgery = await runSurgery(client, elsewhere);
  assert.equal(surgery.state, SurgeryState.SUCCEEDED, surgery.error?.message);
});
