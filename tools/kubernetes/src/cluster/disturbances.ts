import assert from 'node:assert/strict';
import { chown, copyFile, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { RunState } from '@pemmican/contract/trainer';
import {
  digestOfModel,
  realRun,
  rotateCertificate,
  tinyRun,
  trainerClient,
  SERVER_NAME,
  TINY_STEPS,
  TOKEN,
  type Scene,
} from './scene.ts';
import { kubectlProgram } from '../places.ts';
import { Daemon } from './daemon.ts';
import type { Pod } from './release.ts';
import { POD_USER_ID } from './storage.ts';
import { TrainerClient, hasCheckpoint, isFinal } from './trainer-client.ts';

export const TIMEOUT_MS = 300_000;
const FORWARDED_PORT = 15_053;

export const restartsOf = ({ status }: Pod): number => status.containerStatuses?.[0]?.restartCount ?? 0;

/** A run that nothing happens to: what the others have to end as. */
export async function calmRun(scene: Scene): Promise<string> {
  scene.transcript.heading('Runs that something happens to');
  const client = await trainerClient(scene);
  const { name } = await client.create(tinyRun('calm'));
  const run = await scene.transcript.timed(`a run of ${TINY_STEPS} steps that nothing happens to`, () =>
    client.until(name, isFinal, TIMEOUT_MS),
  );
  client.close();
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
  return digestOfModel(scene.storage, 'calm');
}

/** A caller outside of the cluster's network. */
export async function forwardedPort({ transcript, folder, kubectl, caller }: Scene): Promise<void> {
  const forward = Daemon.start(folder, 'port-forward', await kubectlProgram(), [
    ...['--kubeconfig', kubectl.kubeconfig, '--namespace', kubectl.namespace],
    ...['port-forward', 'pemmican-trainer-0', `${FORWARDED_PORT}:50053`],
  ]);
  const client = new TrainerClient(`127.0.0.1:${FORWARDED_PORT}`, caller);
  try {
    const runs = await kubectl.until('an answer through the forwarded port', () => client.list(), 30_000);
    transcript.note(`through \`kubectl port-forward\` the trainer tells its ${runs.length} runs`);
  } finally {
    client.close();
    await forward.stop(2_000);
  }
}

/**
 * Kills all processes of the trainer's container.
 * @returns its pod before
 */
export async function killTrainer({ release, nodes }: Scene): Promise<Pod> {
  const before = await release.pod('trainer');
  // The process that gets it is the first of its namespace: SIGKILL from inside would be ignored, from the node it is not.
  const node = nodes.find((each) => each.name === before.spec.nodeName);
  const id = before.status.containerStatuses?.[0]?.containerID;
  assert.ok(node !== undefined && id !== undefined);
  await node.killContainer(id.replace('containerd://', ''));
  return before;
}

/** The container's first process is killed: the kubelet starts another one in the same pod. */
export async function killedContainer(scene: Scene, expected: string): Promise<void> {
  const { transcript, release } = scene;
  const client = await trainerClient(scene);
  const { name } = await client.create(tinyRun('killed'));
  await client.until(name, hasCheckpoint, TIMEOUT_MS);
  const before = await killTrainer(scene);
  const after = await transcript.timed('container killed by SIGKILL in the middle of a run; ready again after', () =>
    release.readyPod('trainer', (pod) => restartsOf(pod) > restartsOf(before)),
  );
  assert.equal(after.metadata.uid, before.metadata.uid);
  await endsAs(scene, client, name, 'killed', expected);
  client.close();
}

/** The pod is deleted: another one takes its volume. */
export async function deletedPod(scene: Scene, expected: string): Promise<void> {
  const { transcript, release, kubectl } = scene;
  const client = await trainerClient(scene);
  const { name } = await client.create(tinyRun('deleted'));
  await client.until(name, hasCheckpoint, TIMEOUT_MS);
  client.close();
  const before = await release.pod('trainer');
  const next = await transcript.timed('pod deleted in the middle of a run; another one ready after', async () => {
    await kubectl.run(['delete', 'pod', before.metadata.name, '--wait=false']);
    return release.readyPod('trainer', (pod) => pod.metadata.uid !== before.metadata.uid);
  });
  assert.notEqual(next.metadata.uid, before.metadata.uid);
  const again = await trainerClient(scene);
  await endsAs(scene, again, name, 'deleted', expected);
  again.close();
}

/** A node is drained: its pods go to the other one, and so does the run. */
export async function drainedNode(scene: Scene, expected: string): Promise<void> {
  const { transcript, release, kubectl } = scene;
  const client = await trainerClient(scene);
  const { name } = await client.create(tinyRun('drained'));
  await client.until(name, hasCheckpoint, TIMEOUT_MS);
  client.close();
  const from = (await release.pod('trainer')).spec.nodeName ?? '';
  await transcript.timed(`${from} drained in the middle of a run; every pod ready elsewhere after`, async () => {
    await kubectl.run(['drain', from, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=120s']);
    for (const service of ['vocabulary-analysis', 'embedding-surgery', 'trainer'])
      await release.readyPod(service, (pod) => pod.spec.nodeName !== from);
  });
  const again = await trainerClient(scene);
  await endsAs(scene, again, name, 'drained', expected);
  again.close();
  await kubectl.run(['uncordon', from]);
}

/** An upgrade to an image that is not there, and back. */
export async function badRollout(scene: Scene): Promise<void> {
  const { transcript, release } = scene;
  transcript.heading('A bad rollout, and back');
  const outcome = await transcript.timed('`helm upgrade --wait --timeout 30s` to an image that is not there', () =>
    release.upgrade(['image.tag=0.0.0-missing'], '30s'),
  );
  assert.notEqual(outcome.code, 0);
  transcript.output(outcome.stderr.trim().split('\n').slice(-3).join('\n').slice(0, 600));
  const bad = await release.pod('trainer');
  transcript.note(
    `the trainer's pod waits: ${bad.status.containerStatuses?.[0]?.state?.waiting?.reason ?? bad.status.phase}`,
  );
  await transcript.timed('`helm rollback --wait`: all services ready again after', async () => {
    await release.rollback();
    for (const service of ['vocabulary-analysis', 'embedding-surgery', 'trainer']) await release.readyPod(service);
  });
  const known = await runCount(scene);
  assert.ok(known > 0);
  transcript.note(`the trainer still knows its ${known} runs`);
}

/** A limit of memory that is too low for a run. */
export async function outOfMemory(scene: Scene): Promise<void> {
  const { transcript, release } = scene;
  transcript.heading('Out of memory');
  const limits = ['trainer.resources.limits.memory=600Mi', 'trainer.maxRestarts=1'];
  const upgraded = await release.upgrade(limits);
  assert.equal(upgraded.code, 0, upgraded.stderr);
  const client = await trainerClient(scene);
  const { name } = await client.create(realRun('out-of-memory'));
  const run = await client.until(name, isFinal, TIMEOUT_MS);
  client.close();
  assert.equal(run.state, RunState.FAILED);
  transcript.note(`with a limit of 600Mi the run ends as FAILED: ${run.error?.message ?? ''}`);
  const pod = await release.pod('trainer');
  transcript.note(
    `the pod: ${restartsOf(pod)} restarts${restartsOf(pod) > 0 ? `, ${pod.status.containerStatuses?.[0]?.lastState?.terminated?.reason}` : ', the service lives on'}`,
  );
  const back = await release.upgrade([]);
  assert.equal(back.code, 0, back.stderr);
  const again = await trainerClient(scene);
  const second = await again.create(realRun('enough-memory'));
  const ended = await again.until(second.name, isFinal, TIMEOUT_MS);
  again.close();
  assert.equal(ended.state, RunState.SUCCEEDED, ended.error?.message);
  transcript.note('with 4Gi again a run succeeds');
}

/** A new certificate by another authority: the pods go on, and take it when the kubelet has written it. */
export async function rotatedCertificate(scene: Scene): Promise<void> {
  const { transcript, release } = scene;
  transcript.heading('A rotated certificate');
  const before = await release.pod('trainer');
  const authorityFile = await rotateCertificate(scene, 'second-authority');
  const address = `${before.status.podIP}:50053`;
  await transcript.timed('the trainer answers with the new certificate after', async () => {
    await scene.kubectl.until(
      'the new certificate',
      async () => {
        const client = new TrainerClient(address, { authorityFile, serverName: SERVER_NAME, token: TOKEN });
        try {
          return await client.list();
        } finally {
          client.close();
        }
      },
      180_000,
    );
  });
  const after = await release.pod('trainer');
  assert.equal(after.metadata.uid, before.metadata.uid);
  assert.equal(restartsOf(after), restartsOf(before));
  transcript.note('the pod is the same, without a restart');
}

/** A store that is lost, and put back from its newest copy. */
export async function restoredBackup(scene: Scene): Promise<void> {
  const { transcript, release, kubectl, storage } = scene;
  transcript.heading('A store that is lost');
  const [backups, store] = [storage.folderOf('pemmican-backups'), storage.folderOf('store-pemmican-trainer-0')];
  const known = await runCount(scene);
  // The first copies are of empty stores; one that is not there is made when the service starts.
  await rm(path.join(backups, 'pemmican-trainer-0'), { recursive: true });
  const before = await release.pod('trainer');
  await kubectl.run(['delete', 'pod', before.metadata.name]);
  await release.readyPod('trainer', (pod) => pod.metadata.uid !== before.metadata.uid);
  const copy = await kubectl.until(
    'a copy of the store',
    async () => (await findFiles(backups)).find((name) => name.includes('pemmican-trainer-0/runs-')),
    30_000,
  );
  transcript.output((await findFiles(backups)).join('\n'));
  await transcript.timed(
    'trainer stopped, its store lost, the newest copy put in its place, ready again after',
    async () => {
      const scale = (count: number): Promise<string> =>
        kubectl.run(['scale', 'statefulset', 'pemmican-trainer', `--replicas=${count}`]);
      await scale(0);
      await kubectl.run(['wait', '--for=delete', `pod/${before.metadata.name}`, '--timeout=120s']);
      const state = path.join(store, 'state');
      for (const name of await readdir(state)) if (name.startsWith('runs.sqlite')) await rm(path.join(state, name));
      await copyFile(path.join(backups, copy), path.join(state, 'runs.sqlite'));
      await chown(path.join(state, 'runs.sqlite'), POD_USER_ID, POD_USER_ID);
      await scale(1);
      await release.readyPod('trainer');
    },
  );
  assert.equal(await runCount(scene), known);
  transcript.note(`the trainer knows its ${known} runs again`);
}

async function findFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => name.endsWith('.sqlite')).sort();
}

async function runCount(scene: Scene): Promise<number> {
  const client = await trainerClient(scene);
  const runs = await client.list();
  client.close();
  return runs.length;
}

async function endsAs(
  { transcript, storage }: Scene,
  client: TrainerClient,
  name: string,
  output: string,
  expected: string,
): Promise<void> {
  const run = await client.until(name, isFinal, TIMEOUT_MS);
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
  assert.ok((run.progress?.restartCount ?? 0) > 0, 'the run was not interrupted');
  assert.equal(await digestOfModel(storage, output), expected);
  transcript.note(
    `the run went on by itself, started again ${run.progress?.restartCount === 1 ? 'once' : `${run.progress?.restartCount} times`}, to the same model, byte for byte`,
  );
}
