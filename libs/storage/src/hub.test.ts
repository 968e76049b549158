import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { hubOptionsFromEnvironment, openFolder, type DownloadProgress, type OpenFolderOptions } from './mod.ts';
import { createTag } from './temporary-folder.ts';

// A server that answers as the hub does: model info, tree listing, and files by "resolve" with ranges.
const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const WEIGHTS = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 31) & 255);
const FILES: Record<string, Uint8Array> = {
  'config.json': new TextEncoder().encode('{"vocab_size": 3}'),
  'tokenizer.json': new TextEncoder().encode('{}'),
  'model.safetensors': WEIGHTS,
  'pytorch_model.bin': new Uint8Array(100),
  'README.md': new Uint8Array(10),
};

interface Behaviour {
  /** Bytes after which a transfer of the weights is cut off; each use lowers `cuts`. */
  cutAfterBytes: number;
  cuts: number;
  damaged: boolean;
  down: boolean;
  token: string | undefined;
}
const behaviour: Behaviour = { cutAfterBytes: 0, cuts: 0, damaged: false, down: false, token: undefined };
const requests: string[] = [];
// The machine's part is that of this one; the process cannot be.
const DEAD_TAG = createTag().replace(/-\d+-\w+-/, '-999999999-1-');
let server: Server;
let endpoint = '';
let cacheFolder = '';

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const range = request.headers.range;
  requests.push(range === undefined ? pathname : `${pathname} ${range}`);
  if (behaviour.down) return void request.socket.destroy();
  if (behaviour.token !== undefined && request.headers.authorization !== `Bearer ${behaviour.token}`)
    return void response.writeHead(401).end('{}');
  const json = (value: unknown): void =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  if (/^\/api\/models\/owner\/small\/revision\/(main|v1)$/.test(pathname)) {
    return json({
      _id: '1',
      id: 'owner/small',
      sha: COMMIT,
      private: false,
      likes: 0,
      downloads: 0,
      lastModified: '2026-01-01T00:00:00Z',
      gated: false,
    });
  }
  if (pathname === `/api/models/owner/small/tree/${COMMIT}`) {
    const entries = Object.entries(FILES).map(([path, bytes]) => {
      const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
      const lfs = { oid: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, pointerSize: 130 };
      return { type: 'file', path, size: bytes.length, oid, ...(path === 'model.safetensors' ? { lfs } : {}) };
    });
    return json([...entries, { type: 'directory', path: 'onnx', size: 0 }]);
  }
  const path = pathname.startsWith(`/owner/small/resolve/${COMMIT}/`) ? pathname.split('/').at(-1) : undefined;
  const bytes = path === undefined ? undefined : FILES[path];
  if (bytes === undefined) return void response.writeHead(404, { 'X-Error-Code': 'RepoNotFound' }).end('{}');
  sendFile(response, path ?? '', bytes, range);
}

function sendFile(response: ServerResponse, path: string, bytes: Uint8Array, range: string | undefined): void {
  const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
  const start = Number(first);
  const end = last === '' ? bytes.length : Math.min(Number(last) + 1, bytes.length);
  const part = bytes.slice(start, end);
  const headers = {
    etag: `"${path}"`,
    'content-length': part.length,
    'content-range': `bytes ${start}-${end - 1}/${bytes.length}`,
  };
  response.writeHead(range === undefined ? 200 : 206, headers);
  if (path === 'model.safetensors' && part.length > 1 && behaviour.damaged) part[0] = (part[0] ?? 0) ^ 1;
  if (path === 'model.safetensors' && part.length > 1 && behaviour.cuts > 0) {
    behaviour.cuts -= 1;
    response.write(part.subarray(0, behaviour.cutAfterBytes), () => setTimeout(() => response.destroy(), 50));
  } else response.end(part);
}

before(async () => {
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => void server.close());
beforeEach(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'pemmican-hub-'));
  requests.length = 0;
  Object.assign(behaviour, { cuts: 0, cutAfterBytes: 0, damaged: false, down: false, token: undefined });
});
afterEach(() => rm(cacheFolder, { recursive: true }));

function options(environment: Record<string, string> = {}): OpenFolderOptions {
  return { hub: hubOptionsFromEnvironment({ HF_ENDPOINT: `${endpoint}/`, ...environment }, cacheFolder) };
}

function home(): string {
  return join(cacheFolder, 'hub', 'models--owner--small');
}

test('openFolder fetches the files that a model needs, checks them, and keeps them by commit', async () => {
  const seen: DownloadProgress[] = [];
  const { hub } = options();
  assert.ok(hub);
  const folder = await openFolder('hf:owner/small', { hub: { ...hub, onProgress: (progress) => seen.push(progress) } });
  assert.equal(folder.name, 'hf:owner/small');
  assert.deepEqual(await folder.list(), ['config.json', 'model.safetensors', 'tokenizer.json']);
  assert.ok(Buffer.from(WEIGHTS).equals(await readFile(join(home(), COMMIT, 'model.safetensors'))));
  assert.deepEqual((await readdir(home())).sort(), [COMMIT, 'refs']);
  assert.deepEqual(seen.at(-1), { fileName: 'model.safetensors', doneBytes: 3_000_019, totalBytes: 3_000_019 });
  assert.equal(
    requests.some((request) => request.includes('pytorch_model.bin')),
    false,
  );

  requests.length = 0;
  await openFolder('hf:owner/small@v1', options());
  assert.deepEqual(requests, ['/api/models/owner/small/revision/v1']);
  requests.length = 0;
  await openFolder(`hf:owner/small@${COMMIT}`, options());
  assert.deepEqual(requests, []);
});

test('openFolder uses what it has when the hub cannot be reached, and says so when it has nothing', async () => {
  behaviour.down = true;
  await assert.rejects(openFolder('hf:owner/small', options()), {
    code: 'DOWNLOAD_FAILED',
    message: /hf:owner\/small@main: the hub could not be reached/,
  });
  behaviour.down = false;
  await openFolder('hf:owner/small', options());
  behaviour.down = true;
  assert.equal((await (await openFolder('hf:owner/small', options())).list()).length, 3);
});

test('openFolder asks no hub where it is told not to, and says so for what it does not have', async () => {
  const offline = { HF_HUB_OFFLINE: '1' };
  const refused = {
    code: 'HUB_DISABLED',
    message: 'hf:owner/small@main: models are not fetched from the hub here (HF_HUB_OFFLINE is set)',
  };
  await assert.rejects(openFolder('hf:owner/small', options(offline)), refused);
  await assert.rejects(openFolder(`hf:owner/small@${COMMIT}`, options(offline)), { code: 'HUB_DISABLED' });
  assert.deepEqual(requests, []);
  await openFolder('hf:owner/small', options({ HF_HUB_OFFLINE: '0' }));
  // As a branch whose name has a slash is noted.
  await mkdir(join(home(), 'refs/refs/pr'), { recursive: true });
  await writeFile(join(home(), 'refs/refs/pr/1'), COMMIT);
  requests.length = 0;
  for (const uri of ['hf:owner/small', `hf:owner/small@${COMMIT}`, 'hf:owner/small@refs/pr/1'])
    assert.equal((await (await openFolder(uri, options(offline))).list()).length, 3);
  await assert.rejects(openFolder('hf:owner/small@v1', options(offline)), { code: 'HUB_DISABLED' });
  assert.deepEqual(requests, []);
});

test('openFolder goes on with a transfer that breaks off, from where it stopped', async () => {
  Object.assign(behaviour, { cuts: 2, cutAfterBytes: 1_000_000 });
  await openFolder('hf:owner/small', options());
  assert.ok(Buffer.from(WEIGHTS).equals(await readFile(join(home(), COMMIT, 'model.safetensors'))));
  const starts = requests
    .flatMap((request) => /model\.safetensors bytes=([1-9]\d*)-/.exec(request)?.[1] ?? [])
    .map(Number);
  assert.equal(starts.length, 2);
  assert.ok((starts[0] ?? 0) > 0 && (starts[1] ?? 0) > (starts[0] ?? 0), String(starts));
});

test('openFolder goes on with what an attempt of the same process has left', async () => {
  Object.assign(behaviour, { cuts: 5, cutAfterBytes: 100_000 });
  await assert.rejects(openFolder('hf:owner/small', options()), { code: 'DOWNLOAD_FAILED' });
  requests.length = 0;
  await openFolder('hf:owner/small', options());
  assert.equal(
    requests.some((request) => request.endsWith('model.safetensors bytes=0-2999999')),
    false,
  );
  assert.deepEqual((await readdir(home())).sort(), [COMMIT, 'refs']);
});

test('openFolder goes on with what a process that is gone has left', async () => {
  behaviour.cuts = 100;
  await assert.rejects(openFolder('hf:owner/small', options()), {
    code: 'DOWNLOAD_FAILED',
    message: /run it again to continue/,
  });
  const partial = (await readdir(home())).find((name) => name.endsWith('.partial')) ?? '';
  assert.equal((await readdir(home())).includes(COMMIT), false);
  // As if it were of another process, which has ended, and a third of the weights had come.
  const dead = join(home(), `${COMMIT}.${DEAD_TAG}.partial`);
  await rename(join(home(), partial), dead);
  await writeFile(join(dead, 'model.safetensors.part'), WEIGHTS.subarray(0, 1_000_000));
  behaviour.cuts = 0;
  requests.length = 0;
  await openFolder('hf:owner/small', options());
  assert.ok(
    requests.some((request) => request.endsWith('model.safetensors bytes=1000000-2999999')),
    requests.join('\n'),
  );
  assert.equal(
    requests.some((request) => request.includes('config.json')),
    false,
  );
  assert.ok(Buffer.from(WEIGHTS).equals(await readFile(join(home(), COMMIT, 'model.safetensors'))));
  assert.deepEqual((await readdir(home())).sort(), [COMMIT, 'refs']);
});

test('openFolder refuses a file whose digest is not the listed one', async () => {
  behaviour.damaged = true;
  await assert.rejects(openFolder('hf:owner/small', options()), {
    code: 'DOWNLOAD_FAILED',
    message: /model\.safetensors: arrived damaged: its digest is [0-9a-f]{64}, the hub lists [0-9a-f]{64}/,
  });
  assert.equal((await readdir(home())).includes(COMMIT), false);
});

test('openFolder sends HF_TOKEN, and says that access is denied without it', async () => {
  behaviour.token = 'hf_secret';
  await assert.rejects(openFolder('hf:owner/small', options()), {
    code: 'ACCESS_DENIED',
    message: /the hub denies access/,
  });
  await openFolder('hf:owner/small', options({ HF_TOKEN: 'hf_secret' }));
});

test('openFolder says that the hub has no such model', async () => {
  await assert.rejects(openFolder('hf:owner/other', options()), {
    code: 'NOT_FOUND',
    message: /hf:owner\/other@main: the hub has no such model or revision/,
  });
});

test('openFolder stops a download when its signal is aborted', async () => {
  const { hub } = options();
  assert.ok(hub);
  const controller = new AbortController();
  const opening = openFolder('hf:owner/small', {
    hub: { ...hub, signal: controller.signal, onProgress: () => controller.abort() },
  });
  await assert.rejects(opening, { name: 'AbortError' });
});
