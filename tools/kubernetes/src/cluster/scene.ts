import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { findAsset, runCommand } from '@pemmican/setup';
import { makeTinyDataset, makeTinyModel } from '@pemmican/testkit';
import { KubernetesError } from '../error.ts';
import { Certificates } from './certificates.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Kubectl } from './kubectl.ts';
import type { Node } from './node.ts';
import type { Release } from './release.ts';
import { ARTIFACTS_PATH, POD_USER_ID, type Storage } from './storage.ts';
import { TrainerClient, type CallerFiles, type RunFiles } from './trainer-client.ts';
import type { Transcript } from './transcript.ts';

/** Everything that the parts of the test share. */
export interface Scene {
  readonly folder: string;
  /** Version of the services' images. */
  readonly imageTag: string;
  readonly transcript: Transcript;
  readonly controlPlane: ControlPlane;
  /** In the release's namespace. */
  readonly kubectl: Kubectl;
  readonly nodes: readonly Node[];
  readonly storage: Storage;
  readonly release: Release;
  readonly caller: CallerFiles;
}

const MODEL = 'all-MiniLM-L6-v2';
/** Enough for something to happen before the last one. */
export const TINY_STEPS = 800;
/** What the services' certificate is for; pods' addresses are not known before. */
export const SERVER_NAME = 'pemmican.test';
export const TOKEN = 'a-token-for-the-tests-of-the-chart';
/** Amounts for a machine that has both nodes, the control plane and the tests on it. */
const RESOURCES = { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '1Gi' } };

/** Values of the release: every guard on, sizes for a small machine. */
export function releaseValues(tag: string): object {
  const store = { size: '1Gi', storageClass: 'test' };
  const service = { store, resources: RESOURCES };
  return {
    image: { tag, pullPolicy: 'Never' },
    vocabularyAnalysis: service,
    embeddingSurgery: service,
    trainer: { ...service, resources: { ...RESOURCES, limits: { memory: '4Gi' } } },
    artifacts: { volume: { size: '10Gi', storageClass: 'test', accessModes: ['ReadWriteMany'] } },
    tls: { secretName: 'certificate' },
    auth: { tokensSecret: { name: 'tokens' } },
    backups: { enabled: true, size: '1Gi', storageClass: 'test', intervalHours: 1 },
    hub: { enabled: false },
  };
}

/** Claims that the release makes, for which there have to be volumes. */
export const CLAIMS: readonly { claim: string; size: string; mode: string }[] = [
  ...['vocabulary-analysis', 'embedding-surgery', 'trainer'].map((service) => ({
    claim: `store-pemmican-${service}-0`,
    size: '1Gi',
    mode: 'ReadWriteOnce',
  })),
  { claim: 'pemmican-artifacts', size: '10Gi', mode: 'ReadWriteMany' },
  { claim: 'pemmican-backups', size: '1Gi', mode: 'ReadWriteMany' },
];

/** Issues a certificate for the services by a new authority, and puts it where pods read it. */
export async function rotateCertificate(scene: Pick<Scene, 'folder' | 'kubectl'>, name: string): Promise<string> {
  const certificates = await Certificates.create(path.join(scene.folder, name));
  await certificates.issue('service', '/CN=pemmican', [`DNS:${SERVER_NAME}`]);
  const read = (file: string): Promise<string> => readFile(file, 'base64');
  const data = {
    'tls.crt': await read(certificates.certificate('service')),
    'tls.key': await read(certificates.key('service')),
  };
  const metadata = { name: 'certificate', namespace: scene.kubectl.namespace };
  await scene.kubectl.apply([{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, data }]);
  return certificates.certificate('ca');
}

/** Copies the model and labelled sentences to where pods and the command read them. */
export async function provideArtifacts(storage: Storage): Promise<void> {
  const [model, sentiment] = await Promise.all([findAsset(MODEL), findAsset('sentiment')]);
  if (!model.isReady || !sentiment.isReady)
    throw new KubernetesError('NOT_SET_UP', `${MODEL} and sentiment are not there; run \`npm run setup\``);
  const sentences = JSON.parse(await readFile(path.join(sentiment.folder, 'amazon.json'), 'utf8')) as {
    text: string;
    class: number | null;
  }[];
  const lines = sentences
    .filter((row) => row.class !== null)
    .map((row) => `${JSON.stringify({ text: row.text, label: row.class })}\n`);
  await runCommand('cp', ['-r', model.folder, path.join(storage.artifacts, 'model')]);
  await writeFile(path.join(storage.artifacts, 'train.jsonl'), lines.slice(200).join(''));
  await writeFile(path.join(storage.artifacts, 'dev.jsonl'), lines.slice(0, 200).join(''));
  await makeTinyModel(path.join(storage.artifacts, 'tiny'));
  await makeTinyDataset(path.join(storage.artifacts, 'tiny.jsonl'), 64);
  await runCommand('chown', ['-R', `${POD_USER_ID}:${POD_USER_ID}`, storage.artifacts]);
}

/** Address of a service's pod. */
export async function addressOf({ release }: Scene, service: string, port: number): Promise<string> {
  const pod = await release.readyPod(service);
  return `${pod.status.podIP}:${port}`;
}

export async function trainerClient(scene: Scene): Promise<TrainerClient> {
  return new TrainerClient(await addressOf(scene, 'trainer', 50053), scene.caller);
}

/** A run of a tiny model, whose steps take some ten milliseconds, with its output in a folder of that name. */
export const tinyRun = (output: string): RunFiles => ({
  model: `${ARTIFACTS_PATH}/tiny`,
  trainFile: `${ARTIFACTS_PATH}/tiny.jsonl`,
  output: `${ARTIFACTS_PATH}/${output}`,
  maxSteps: TINY_STEPS,
  saveSteps: 25,
});

/** Some steps of a real model: more memory than the service itself. */
export const realRun = (output: string): RunFiles => ({
  model: `${ARTIFACTS_PATH}/model`,
  trainFile: `${ARTIFACTS_PATH}/train.jsonl`,
  output: `${ARTIFACTS_PATH}/${output}`,
  maxSteps: 5,
  saveSteps: 5,
});

/** SHA-256 of the weights that a run has left. */
export async function digestOfModel(storage: Storage, output: string): Promise<string> {
  const bytes = await readFile(path.join(storage.artifacts, output, 'model.safetensors'));
  return createHash('sha256').update(bytes).digest('hex');
}
