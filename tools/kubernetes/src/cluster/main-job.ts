import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { REPOSITORY_FOLDER } from '../places.ts';
import { digestOfModel, addressOf, SERVER_NAME, type Scene } from './scene.ts';
import { ARTIFACTS_PATH } from './storage.ts';

const MAIN = path.join(REPOSITORY_FOLDER, 'tools/cli/src/main.ts');
const STEPS = '40';

/** What of report.json is looked at. */
interface Report {
  readonly vocabulary: { readonly fullVocabSize: number; readonly reducedVocabSize: number };
  readonly measured: { readonly processPeakBytes: number };
  readonly training: { readonly plannedMemory: { readonly peakBytes: number } };
}

/** The whole job by the command: analyze, reduce, train, restore, in three pods and in the command's own processes. */
export async function mainJob(scene: Scene): Promise<void> {
  const { transcript, storage } = scene;
  transcript.heading('The main job: analyze, reduce, train, restore');
  const tokenFile = path.join(storage.artifacts, 'token');
  await writeFile(tokenFile, `${scene.caller.token}\n`, { mode: 0o644 });
  const authority = path.join(storage.artifacts, 'authority.pem');
  await writeFile(authority, await readFile(scene.caller.authorityFile), { mode: 0o644 });
  const servers = [
    ...['--vocabulary-server', await addressOf(scene, 'vocabulary-analysis', 50051)],
    ...['--surgery-server', await addressOf(scene, 'embedding-surgery', 50052)],
    ...['--trainer-server', await addressOf(scene, 'trainer', 50053)],
    ...['--tls-ca', `${ARTIFACTS_PATH}/authority.pem`, '--tls-server-name', SERVER_NAME],
  ];
  const withToken = [...servers, '--token-file', `${ARTIFACTS_PATH}/token`];
  const nobody = run(scene, 'refused', servers);
  await assert.rejects(nobody, /needs metadata "authorization: Bearer TOKEN"/);
  transcript.note('without a token the command is refused');
  const remote = await transcript.timed(`\`pemmican run\`, ${STEPS} steps, by three pods over TLS with a token`, () =>
    run(scene, 'remote', withToken),
  );
  const local = await transcript.timed('the same by processes of its own on this machine', () =>
    run(scene, 'local', []),
  );
  const { fullVocabSize, reducedVocabSize } = remote.vocabulary;
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  transcript.note(
    `${reducedVocabSize} of ${fullVocabSize} rows were kept; planned peak ${megabytes(remote.training.plannedMemory.peakBytes)}, ` +
      `resident bytes of the run's process in its pod ${megabytes(remote.measured.processPeakBytes)}`,
  );
  assert.deepEqual(remote.vocabulary.reducedVocabSize, local.vocabulary.reducedVocabSize);
  const [inPods, here] = [await digestOfModel(storage, 'remote'), await digestOfModel(storage, 'local')];
  assert.equal(inPods, here);
  transcript.note(`both left the same model, byte for byte: SHA-256 ${inPods.slice(0, 16)}...`);
}

async function run({ storage }: Scene, output: string, options: readonly string[]): Promise<Report> {
  await storage.runBeside(
    [
      ...[process.execPath, MAIN, 'run', '--model', `${ARTIFACTS_PATH}/model`],
      ...['--train-file', `${ARTIFACTS_PATH}/train.jsonl`, '--validation-file', `${ARTIFACTS_PATH}/dev.jsonl`],
      ...['--output', `${ARTIFACTS_PATH}/${output}`, '--max-steps', STEPS, '--max-seq-length', '64', ...options],
    ],
    { HOME: `${ARTIFACTS_PATH}/home`, PEMMICAN_CACHE_DIR: `${ARTIFACTS_PATH}/home/cache` },
  );
  return JSON.parse(await readFile(path.join(storage.artifacts, output, 'report.json'), 'utf8')) as Report;
}
