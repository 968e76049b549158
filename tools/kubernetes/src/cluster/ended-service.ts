import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { RunState, type Run, type WatchRunResponse } from '@pemmican/contract/trainer';
import { MAX_STARTS_WITHOUT_PROGRESS } from '@pemmican/jobs';
import { describeStatus } from '@pemmican/testkit';
import { TIMEOUT_MS, killTrainer, restartsOf } from './disturbances.ts';
import { realRun, tinyRun, trainerClient, type Scene } from './scene.ts';
import { ARTIFACTS_PATH } from './storage.ts';
import { isFinal } from './trainer-client.ts';

/** As many copies of the records as take some seconds to tokenize: long enough to be met there. */
const COPIES = 3000;

/**
 * A run whose container is killed whole at every start, before its first step: what the kernel does, on nodes with cgroups of version 2,
 * where a run takes more memory than its container has. Here it is done by hand.
 */
export async function endedService(scene: Scene): Promise<void> {
  const { transcript, release, storage } = scene;
  transcript.heading('A run that ends its service at every start');
  transcript.note(
    'with cgroups of version 2, all of a container is killed where memory runs out, and not the one process; these nodes have version 1, so that it is done by hand',
  );
  const records = await readFile(path.join(storage.artifacts, 'train.jsonl'), 'utf8');
  await writeFile(path.join(storage.artifacts, 'large.jsonl'), records.repeat(COPIES));
  const client = await trainerClient(scene);
  const before = restartsOf(await release.pod('trainer'));
  const { name } = await client.create({ ...realRun('too-large'), trainFile: `${ARTIFACTS_PATH}/large.jsonl` });
  const next = await client.create(tinyRun('after-it'));
  const run = await transcript.timed(
    `the container is killed ${MAX_STARTS_WITHOUT_PROGRESS} times, each time before the run's first step; the run has ended after`,
    async () => {
      let last: WatchRunResponse | undefined;
      for (let kill = 0; kill < MAX_STARTS_WITHOUT_PROGRESS; kill++) {
        last = await client.untilEvent(
          name,
          last,
          ({ event }) => event?.$case === 'phase' && event.value.phase === 'tokenize',
          TIMEOUT_MS,
        );
        await killTrainer(scene);
      }
      return client.until(name, isFinal, TIMEOUT_MS);
    },
  );
  assert.equal(run.state, RunState.FAILED);
  assert.equal(reasonOf(run), 'SERVICE_KEEPS_ENDING');
  transcript.note(`it ends as FAILED, SERVICE_KEEPS_ENDING: ${run.error?.message ?? ''}`);
  const ended = await client.until(next.name, isFinal, TIMEOUT_MS);
  client.close();
  assert.equal(ended.state, RunState.SUCCEEDED, ended.error?.message);
  const restarts = restartsOf(await release.readyPod('trainer')) - before;
  assert.equal(restarts, MAX_STARTS_WITHOUT_PROGRESS);
  transcript.note(
    `the container was restarted ${restarts} times and no more; the run that waited behind it has succeeded`,
  );
}

/** A model of a hub, in a release whose `hub.enabled` is false. */
export async function refusedHub(scene: Scene): Promise<void> {
  const client = await trainerClient(scene);
  const { name } = await client.create({ ...tinyRun('of-a-hub'), model: 'hf:owner/name' });
  const run = await client.until(name, isFinal, TIMEOUT_MS);
  client.close();
  assert.equal(reasonOf(run), 'HUB_DISABLED');
  scene.transcript.note(`with \`hub.enabled: false\` a run of hf:owner/name fails: ${run.error?.message ?? ''}`);
}

/** Reason of what a run failed with. */
const reasonOf = ({ error }: Run): string | undefined =>
  error === undefined ? undefined : describeStatus(error).reason;
