import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { makeTinyDataset, makeTinyModel } from '@pemmican/testkit';
import { MAIN, tryPemmican } from './processes.ts';

const CERTIFICATES = path.resolve(import.meta.dirname, '../../../libs/rpc/test/certificates');
const work = mkdtempSync(path.join(tmpdir(), 'pemmican-guarded-'));
const at = (...parts: string[]): string => path.join(work, ...parts);
after(() => {
  rmSync(work, { recursive: true, force: true });
});

mkdirSync(at('artifacts'));
await makeTinyModel(at('artifacts/model'));
await makeTinyModel(at('outside'));
await makeTinyDataset(at('artifacts/train.jsonl'), 16);
writeFileSync(at('tokens.csv'), 'writer-token-0001,ci,writer\nreader-token-0001,board,reader\n');
writeFileSync(at('writer'), 'writer-token-0001\n');
writeFileSync(at('reader'), 'reader-token-0001\n');

test('serve with a certificate, tokens and artifact roots does what a writer asks below them, and nothing else', async (t) => {
  const server = spawn(
    process.execPath,
    [
      MAIN, 'serve', 'vocabulary-analysis', '--listen', '127.0.0.1:0', '--state-directory', at('state'), '--tokens-file', at('tokens.csv'),
      '--tls-certificate', path.join(CERTIFICATES, 'server.pem'), '--tls-key', path.join(CERTIFICATES, 'server.key'),
    ],
    { env: { ...process.env, PEMMICAN_ARTIFACT_ROOTS: at('artifacts') }, stdio: ['ignore', 'ignore', 'pipe'] },
  ); // prettier-ignore
  const ended = new Promise((resolve) => server.once('exit', resolve));
  t.after(async () => {
    server.kill('SIGTERM');
    await ended;
  });
  const address = await new Promise<string>((resolve, reject) => {
    let said = '';
    server.stderr.on('data', (chunk: Buffer) => {
      said += String(chunk);
      const found = /listens on 127\.0\.0\.1:(\d+)/.exec(said);
      if (found !== null) resolve(`localhost:${found[1]}`);
    });
    server.once('exit', () => {
      reject(new Error(`The server ended: ${said}`));
    });
  });
  const analyze = (model: string, ...options: string[]): { status: number | null; stderr: string } =>
    tryPemmican(
      'analyze',
      '--model',
      model,
      '--train-file',
      at('artifacts/train.jsonl'),
      '--server',
      address,
      ...options,
    );
  const trust = ['--tls-ca', path.join(CERTIFICATES, 'authority.pem')];

  const done = analyze(at('artifacts/model'), ...trust, '--token-file', at('writer'));
  assert.equal(done.status, 0, done.stderr);

  const reader = analyze(at('artifacts/model'), ...trust, '--token-file', at('reader'));
  assert.equal(reader.status, 2);
  assert.match(reader.stderr, /asks for the role "writer"; "board" is a "reader"/);

  // What a writer brings a reader may fetch.
  const transfer = (...argv: string[]): ReturnType<typeof tryPemmican> =>
    tryPemmican(...argv, '--server', address, ...trust, '--token-file', at(argv[0] === 'upload' ? 'writer' : 'reader'));
  const uploaded = transfer('upload', at('outside'), '--output', at('artifacts/uploaded'));
  assert.equal(uploaded.status, 0, uploaded.stderr);
  const downloaded = transfer('download', at('artifacts/uploaded'), '--output', at('downloaded'));
  assert.equal(downloaded.status, 0, downloaded.stderr);
  assert.deepEqual(readFileSync(at('downloaded/model.safetensors')), readFileSync(at('outside/model.safetensors')));
  const upload = ['upload', at('outside'), '--server', address, ...trust, '--token-file', at('reader')];
  const refused = tryPemmican(...upload);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /CreateUpload asks for the role "writer"; "board" is a "reader"/);

  const nobody = analyze(at('artifacts/model'), ...trust);
  assert.equal(nobody.status, 1);
  assert.match(nobody.stderr, /needs metadata "authorization: Bearer TOKEN"/);

  const outside = analyze(at('outside'), ...trust, '--token-file', at('writer'));
  assert.equal(outside.status, 2);
  assert.match(outside.stderr, /outside: is not below a folder that this service may use/);

  const untrusted = analyze(at('artifacts/model'), '--tls-ca', path.join(CERTIFICATES, 'stranger.pem'));
  assert.equal(untrusted.status, 4, untrusted.stderr);
});

test('a token is not sent in plain text to another machine', () => {
  const files = ['--model', at('artifacts/model'), '--train-file', at('artifacts/train.jsonl')];
  const { status, stderr } = tryPemmican('analyze', ...files, '--server', '192.0.2.1:1', '--token-file', at('writer'));
  assert.equal(status, 2);
  assert.match(stderr, /A token is not sent to 192\.0\.2\.1:1 in plain text; give --tls-ca/);
  writeFileSync(at('two'), 'one-token two-token\n');
  const two = tryPemmican('analyze', ...files, '--server', '127.0.0.1:1', '--token-file', at('two'));
  assert.equal(two.status, 2);
  assert.match(two.stderr, /two does not hold one token/);
});

test('serve names a file of tokens that is wrong, and does not start', () => {
  writeFileSync(at('wrong.csv'), 'short,ci,writer\n');
  const { status, stderr } = tryPemmican('serve', 'all', '--listen', '127.0.0.1:0', '--state-directory', at('state-2'), '--tokens-file', at('wrong.csv')); // prettier-ignore
  assert.equal(status, 2, stderr);
  assert.match(stderr, /wrong\.csv, line 1: a token has at least 16 characters/);
});
