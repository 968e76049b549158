// Artifacts of a real service in a process of its own: what it keeps over its death, and how much memory it takes.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import {
  ArtifactServiceClient,
  ArtifactServiceService as service,
  CreateUploadResponse,
  GetUploadResponse,
  type ReadArtifactResponse,
  type Upload,
  type WriteArtifactRequest,
} from '@pemmican/contract/artifacts';
import { callMethod, endProcess, forkService, type ServiceProcess } from '@pemmican/testkit';

const FILE_BYTES = 128 * 1024 * 1024;
const READERS = 8;
// 16 messages of 256 KiB for each of 8 readers are 32 MiB, and 16 of 4 MiB for a writer 64 MiB; the rest is what Node's heap grows by.
const MAX_GROWTH_BYTES = 160e6;

const work = realpathSync(mkdtempSync(path.join(tmpdir(), 'pemmican-artifacts-')));
const root = path.join(work, 'root');
const address = `unix:${path.join(work, 'socket')}`;
let running: ServiceProcess;
let client: ArtifactServiceClient;

async function start(): Promise<void> {
  running = forkService('embedding-surgery', {
    PEMMICAN_LISTEN: address,
    PEMMICAN_STATE_DIRECTORY: path.join(work, 'state'),
    PEMMICAN_ARTIFACT_ROOTS: root,
    PEMMICAN_LOG_LEVEL: 'error',
  });
  await running.listening;
  client = new ArtifactServiceClient(address, credentials.createInsecure());
}

before(async () => {
  mkdirSync(root);
  await start();
});
after(async () => {
  client.close();
  await endProcess(running.child, 'SIGKILL');
  rmSync(work, { recursive: true, force: true });
});

const residentBytes = (): number =>
  Number(readFileSync(`/proc/${running.child.pid}/statm`, 'utf8').split(' ')[1] ?? '0') * 4096;
const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const target = (uploadName: string, offset: number): WriteArtifactRequest => ({
  content: { $case: 'target', value: { uploadName, fileName: 'weights', offset } },
});
const data = (value: Buffer): WriteArtifactRequest => ({ content: { $case: 'data', value } });

async function create(bytes: number, digest: string, artifactUri: string): Promise<string> {
  const files = [{ fileName: 'weights', sizeBytes: bytes, digest }];
  const [answer] = await callMethod(client, service.createUpload, [{ artifactUri, files, overwrite: false, requestId: '' }]); // prettier-ignore
  return CreateUploadResponse.decode(answer!).upload?.name ?? '';
}

async function getUpload(name: string): Promise<Upload | undefined> {
  const [answer] = await callMethod(client, service.getUpload, [{ name }]);
  return GetUploadResponse.decode(answer!).upload;
}

test(
  'a service that is killed in the middle of an upload goes on with it when it is back',
  { timeout: 60_000 },
  async () => {
    const bytes = randomBytes(4_000_000);
    const place = path.join(root, 'model');
    const name = await create(bytes.length, digestOf(bytes), place);
    const call = client.writeArtifact(() => undefined);
    call.write(target(name, 0));
    call.write(data(bytes.subarray(0, 1_500_000)));
    while ((await getUpload(name))?.committedBytes !== 1_500_000) await delay(20);
    await endProcess(running.child, 'SIGKILL');
    client.close();
    await start();
    const upload = await getUpload(name);
    assert.equal(upload?.committedBytes, 1_500_000);
    await callMethod(client, service.writeArtifact, [target(name, 1_500_000), data(bytes.subarray(1_500_000))]);
    await callMethod(client, service.finishUpload, [{ name }]);
    assert.ok(readFileSync(path.join(place, 'weights')).equals(bytes));
  },
);

test(
  'clients that do not read, and a fast one that writes, take little of the memory',
  { timeout: 120_000 },
  async (t) => {
    const file = path.join(root, 'large');
    writeFileSync(file, '');
    truncateSync(file, FILE_BYTES);
    // What is loaded at first use is.
    const [first] = (await callMethod(client, service.readArtifact, [
      { artifactUri: file, fileName: '', offset: FILE_BYTES },
    ])) as [Buffer];
    const digest = service.readArtifact.responseDeserialize(first).file?.digest ?? '';
    const before = residentBytes();
    const calls = Array.from({ length: READERS }, () =>
      client.readArtifact({ artifactUri: file, fileName: '', offset: 0 }),
    );
    for (const call of calls) {
      call.on('error', () => undefined);
      // Reads one message and falls asleep.
      await new Promise((resolve) => call.once('readable', resolve));
      call.read();
    }
    await delay(1500);
    const asleep = residentBytes();
    // The same bytes as they go through.
    const name = await create(FILE_BYTES, digest, path.join(root, 'written'));
    const chunk = Buffer.alloc(4 * 1024 * 1024);
    const answer = Promise.withResolvers<undefined>();
    const call = client.writeArtifact((error) => {
      if (error === null) answer.resolve(undefined);
      else answer.reject(error);
    });
    call.write(target(name, 0));
    let peak = 0;
    for (let sent = 0; sent < FILE_BYTES; sent += chunk.length) {
      if (!call.write(data(chunk))) await new Promise((resolve) => call.once('drain', resolve));
      peak = Math.max(peak, residentBytes());
    }
    call.end();
    await answer.promise;
    for (const each of calls) each.cancel();
    t.diagnostic(`${before} resident bytes, ${asleep} with ${READERS} readers asleep, ${peak} while it received`);
    assert.ok(asleep < before + MAX_GROWTH_BYTES, `${asleep} resident bytes, ${before} before`);
    assert.ok(peak < before + 2 * MAX_GROWTH_BYTES, `${peak} resident bytes, ${before} before`);
    // A reader that reads gets all of it.
    let received = 0;
    for await (const message of client.readArtifact({ artifactUri: file, fileName: '', offset: 0 }))
      received += (message as ReadArtifactResponse).data.length;
    assert.equal(received, FILE_BYTES);
  },
);
