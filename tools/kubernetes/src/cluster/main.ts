/**
 * `node tools/kubernetes/src/cluster/main.ts [--output FILE] [--keep]`: the chart in a Kubernetes of real programs (API server,
 * controllers, scheduler, kubelets, containerd) on this machine, as root. Prints what was done and seen, and writes it to the file.
 * Ends with 0 and the reason where something is missing that the machine has to have.
 * @module
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { KubernetesError } from '../error.ts';
import { KUBERNETES_VERSION } from '../places.ts';
import { ControlPlane } from './control-plane.ts';
import * as disturbances from './disturbances.ts';
import { IMAGE_TAG, makeImages } from './images.ts';
import { Kubectl } from './kubectl.ts';
import { countedShards } from './counted-shards.ts';
import { endedService, refusedHub } from './ended-service.ts';
import { mainJob } from './main-job.ts';
import { whyNoNode } from './node-requirements.ts';
import { Node } from './node.ts';
import { makePauseImage } from './pause-image.ts';
import { missingPrograms } from './programs.ts';
import { Release } from './release.ts';
import { CLAIMS, SERVER_NAME, TOKEN, provideArtifacts, releaseValues, rotateCertificate, type Scene } from './scene.ts';
import { Storage } from './storage.ts';
import { Transcript } from './transcript.ts';

const NAMESPACE = 'pemmican';
const NODE_COUNT = 2;

/** Why the test cannot run here; undefined where it can. */
async function whySkipped(): Promise<string | undefined> {
  const programs = missingPrograms();
  if (programs.length > 0)
    return `${programs.join(', ')} are not built; run \`node tools/kubernetes/src/cluster/build-programs.ts\` (a quarter of an hour)`;
  return whyNoNode();
}

/** What is stopped at the end, last things first. */
type CleanUp = (() => Promise<unknown>)[];

async function start(folder: string, transcript: Transcript, cleanUp: CleanUp): Promise<Scene> {
  transcript.heading('From nothing to Ready');
  const images = await transcript.timed("the services' images built, and saved", () =>
    makeImages(folder, (line) => {
      console.error(`kubernetes: ${line}`);
    }),
  );
  const controlPlane = await transcript.timed('control plane ready (etcd, API server, controllers, scheduler)', () =>
    ControlPlane.start(folder),
  );
  cleanUp.unshift(() => controlPlane.stop());
  const pause = await makePauseImage(folder);
  const nodes: Node[] = [];
  for (let index = 0; index < NODE_COUNT; index++)
    await transcript.timed(`node ${index + 1} ready (containerd, kubelet), images imported`, async () => {
      const node = await Node.start(folder, index, controlPlane);
      cleanUp.unshift(() => node.stop());
      nodes.push(node);
      for (const archive of [pause, images]) await node.importImage(archive);
    });
  await controlPlane.kubectl.run(['create', 'namespace', NAMESPACE]);
  const enforced = ['enforce', 'warn', 'audit'].map((mode) => `pod-security.kubernetes.io/${mode}=restricted`);
  await controlPlane.kubectl.run(['label', 'namespace', NAMESPACE, ...enforced]);
  const kubectl = await Kubectl.open(controlPlane.kubectl.kubeconfig, NAMESPACE);
  const storage = new Storage(folder);
  await storage.provide(kubectl, CLAIMS);
  await provideArtifacts(storage);
  const tokens = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'tokens', namespace: NAMESPACE } };
  await kubectl.apply([{ ...tokens, stringData: { 'tokens.csv': `${TOKEN},tests,writer\n` } }]);
  const authorityFile = await rotateCertificate({ folder, kubectl }, 'first-authority');
  const release = new Release(kubectl, releaseValues(IMAGE_TAG));
  const notes = await transcript.timed(
    '`helm install --wait`: three services ready, in a namespace of the standard "restricted"',
    () => release.install(),
  );
  cleanUp.unshift(() => release.uninstall());
  transcript.note(`from nothing to all services ready: ${transcript.elapsed}`);
  transcript.output(notes);
  transcript.output(await kubectl.run(['get', 'pods,statefulsets,services,pvc,pdb,networkpolicies', '-o', 'wide']));
  const caller = { authorityFile, serverName: SERVER_NAME, token: TOKEN };
  return { folder, imageTag: IMAGE_TAG, transcript, controlPlane, kubectl, nodes, storage, release, caller };
}

async function play(scene: Scene): Promise<void> {
  await mainJob(scene);
  const expected = await disturbances.calmRun(scene);
  await refusedHub(scene);
  await disturbances.forwardedPort(scene);
  await disturbances.killedContainer(scene, expected);
  await disturbances.deletedPod(scene, expected);
  await disturbances.drainedNode(scene, expected);
  await disturbances.badRollout(scene);
  await disturbances.outOfMemory(scene);
  await endedService(scene);
  await disturbances.restoredBackup(scene);
  await countedShards(scene);
  await disturbances.rotatedCertificate(scene);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      output: { type: 'string' },
      keep: { type: 'boolean', default: false },
    },
  });
  const reason = await whySkipped();
  if (reason !== undefined) {
    console.log(`skipped: ${reason}`);
    return;
  }
  // Short: a socket's path has at most 107 bytes.
  const folder = await mkdtemp(path.join(os.tmpdir(), 'kube-'));
  const transcript = new Transcript();
  const cleanUp: CleanUp = [];
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= stopAll(folder, cleanUp));
  // A cluster that nobody stops would stay, with its mounts and bridges.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stop().finally(() => process.exit(130)));
  try {
    const scene = await start(folder, transcript, cleanUp);
    await play(scene);
    transcript.heading('Done');
    transcript.note(`all of it: ${transcript.elapsed}`);
    if (values.output !== undefined) await writeFile(values.output, header() + transcript.markdown());
  } finally {
    if (values.keep && stopped === undefined) {
      console.log(`${folder} is kept, and so is what runs there, until Ctrl-C`);
      await new Promise(() => undefined);
    }
    await stop();
  }
}

async function stopAll(folder: string, cleanUp: CleanUp): Promise<void> {
  for (const stop of cleanUp)
    await stop().catch((error: unknown) => {
      console.error(`kubernetes: ${String(error)}`);
    });
  await rm(folder, { recursive: true, force: true });
}

function header(): string {
  const machine = `${os.availableParallelism()} cores, ${(os.totalmem() / 2 ** 30).toFixed(0)} GiB of memory`;
  return `# The chart in a real Kubernetes

Printed by \`node tools/kubernetes/src/cluster/main.ts --output docs/transcripts/kubernetes.md\`: etcd, kube-apiserver, kube-controller-manager,
kube-scheduler and two kubelets of Kubernetes ${KUBERNETES_VERSION}, built from Go modules, with containerd, runc and the bridge plugin of Debian, on
one machine (${machine}). There is no kube-proxy and no DNS, so that calls go to pods' addresses, and nothing enforces the
NetworkPolicies. Volumes are folders of the machine. Its load was ${os.loadavg()[2]?.toFixed(0)} over the last quarter of an hour.

`;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof KubernetesError)) throw error;
  console.error(`kubernetes: ${error.message}`);
  process.exitCode = 1;
}
