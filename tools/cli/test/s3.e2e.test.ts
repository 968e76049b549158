import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { createFolder, openByteSource, openFolder, writeFileWhole } from '@pemmican/storage';
import { S3TestServer, makeTinyDataset, makeTinyModel } from '@pemmican/testkit';
import { MAIN } from './processes.ts';

const work = mkdtempSync(path.join(tmpdir(), 'pemmican-s3-e2e-'));
const at = (...parts: string[]): string => path.join(work, ...parts);
const BUCKET = 's3://pemmican-models';
let server: S3TestServer;

before(async () => {
  server = await S3TestServer.start('pemmican-models');
  // The test looks into the bucket by the same variables as the command.
  Object.assign(process.env, server.environment);
  await makeTinyModel(at('model'));
  await makeTinyDataset(at('train.jsonl'), 32);
  const writer = await createFolder(`${BUCKET}/source/tiny model`);
  for (const name of readdirSync(at('model')))
    await writer.write(name, (sink) => sink.write(readFileSync(at('model', name))));
  await writer.commit();
  await writeFileWhole(`${BUCKET}/data/train.jsonl`, readFileSync(at('train.jsonl')));
});
after(async () => {
  await server.stop();
  rmSync(work, { recursive: true, force: true });
});

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command beside this process, which the server is in. */
function pemmican(...argv: string[]): Promise<Outcome> {
  const env = { ...process.env, PEMMICAN_CACHE_DIR: at('cache') };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...argv], { env, maxBuffer: 2 ** 26 }, (_, stdout, stderr) => {
      assert.doesNotMatch(stdout + stderr, /AWS4-HMAC|Signature=/);
      resolve({ status: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

async function succeed(...argv: string[]): Promise<string> {
  const { status, stdout, stderr } = await pemmican(...argv);
  assert.equal(status, 0, stderr);
  return stdout;
}

async function bytesOf(uri: string): Promise<Buffer> {
  const source = await openByteSource(uri);
  const bytes = Buffer.alloc(source.sizeBytes);
  await source.read(0, bytes);
  await source.close();
  return bytes;
}

const MODEL = `${BUCKET}/source/tiny model`;
const DATA = `${BUCKET}/data/train.jsonl`;
const TRAINING = ['--max-steps', '4', '--per-device-train-batch-size', '8', '--seed', '7'];

test('analyze, reduce and restore read and write a bucket, with the bytes of local folders', async () => {
  const profile = `${BUCKET}/made/vocabulary.json`;
  await succeed('analyze', '--model', MODEL, '--train-file', DATA, '--output', profile);
  await succeed('reduce', '--model', MODEL, '--vocabulary', profile, '--output', `${BUCKET}/made/reduced`);
  await succeed(
    'analyze',
    '--model',
    at('model'),
    '--train-file',
    at('train.jsonl'),
    '--output',
    at('vocabulary.json'),
  );
  await succeed('reduce', '--model', at('model'), '--vocabulary', at('vocabulary.json'), '--output', at('reduced'));
  const reduced = await openFolder(`${BUCKET}/made/reduced`);
  assert.deepEqual(await reduced.list(), readdirSync(at('reduced')).sort());
  for (const name of await reduced.list())
    assert.ok(readFileSync(at('reduced', name)).equals(await bytesOf(`${reduced.name}/${name}`)), name);

  const restored = `${BUCKET}/made/restored`;
  const restore = ['restore', '--model', MODEL, '--trained', reduced.name, '--output', restored];
  await succeed(...restore);
  assert.ok(readFileSync(at('model/model.safetensors')).equals(await bytesOf(`${restored}/model.safetensors`)));
  const again = await pemmican(...restore);
  assert.equal(again.status, 2);
  assert.match(again.stderr, /made\/restored: there are objects below this prefix; name another or ask to overwrite/);
});

test('run ends with the weights of a local run in the bucket, and nothing of it here', async () => {
  const output = `${BUCKET}/runs/fine-tuned/`;
  const run = ['run', '--model', MODEL, '--train-file', DATA, '--output', output, ...TRAINING];
  const printed = await succeed(...run);
  assert.match(
    printed,
    /^Model: {2}s3:\/\/pemmican-models\/runs\/fine-tuned\/?\nReport: s3:\/\/.*fine-tuned\/report\.html$/m,
  );
  const files = ['run', '--model', at('model'), '--train-file', at('train.jsonl')];
  await succeed(...files, '--output', at('fine-tuned'), ...TRAINING);
  const folder = await openFolder(output);
  const local = readdirSync(at('fine-tuned')).sort();
  assert.deepEqual(await folder.list(), local);
  for (const name of local.filter((file) => !/^(?:report|metrics)\./.test(file) && file !== 'trainer_state.json'))
    assert.ok(readFileSync(at('fine-tuned', name)).equals(await bytesOf(`${folder.name}/${name}`)), name);
  assert.deepEqual(readdirSync(at('cache/s3-outputs')), []);

  const inTheWay = await pemmican(...run);
  assert.equal(inTheWay.status, 2);
  assert.match(inTheWay.stderr, /--overwrite/);
  // A job that is started again finds its work done.
  server.requests.length = 0;
  await succeed(...run, '--resume-from-checkpoint', 'latest');
  assert.deepEqual(
    server.requests.filter((request) => !request.startsWith('GET ')),
    [],
  );

  const predictions = await succeed('predict', '--model', output, '--file', DATA, '--json');
  const expected = await succeed('predict', '--model', at('fine-tuned'), '--file', at('train.jsonl'), '--json');
  assert.deepEqual(JSON.parse(predictions), JSON.parse(expected));
});

test('what s3: cannot do, and what is not there, is said', async () => {
  const train = ['train', '--model', MODEL, '--train-file', DATA, '--output', `${BUCKET}/trained`];
  const trained = await pemmican(...train);
  assert.equal(trained.status, 2);
  assert.match(trained.stderr, /must be a folder on this machine[^]*keeps its checkpoints in it/);
  const missing = await pemmican('analyze', '--model', 's3://no-such-bucket/model', '--train-file', DATA);
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /s3:\/\/no-such-bucket\/model: there is no such bucket/);
  const secret = await pemmican('analyze', '--model', 's3://key:sesame@bucket/model', '--train-file', DATA);
  assert.equal(secret.status, 2);
  assert.doesNotMatch(secret.stderr + secret.stdout, /sesame/);
});
