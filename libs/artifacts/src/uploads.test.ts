import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { CreateUploadRequest, type WriteArtifactRequest } from '@pemmican/contract/artifacts';
import { RpcError, createLogger } from '@pemmican/rpc';
import { ArtifactRoots } from '@pemmican/storage';
import { FileDigests } from './file-digests.ts';
import { readArtifactSettings } from './settings.ts';
import { UploadSession } from './upload-session.ts';
import { Uploads } from './uploads.ts';

const work = realpathSync(mkdtempSync(path.join(tmpdir(), 'pemmican-uploads-')));
const root = path.join(work, 'root');
mkdirSync(root);
after(() => {
  rmSync(work, { recursive: true, force: true });
});

/** Digests that are told when the test wants it. */
class SlowDigests extends FileDigests {
  readonly asked = Promise.withResolvers<void>();
  readonly #told = Promise.withResolvers<void>();

  override async digestOf(...file: Parameters<FileDigests['digestOf']>): Promise<string> {
    this.asked.resolve();
    await this.#told.promise;
    return super.digestOf(...file);
  }

  tell(): void {
    this.#told.resolve();
  }
}

function newUploads(name: string, digests: FileDigests, environment: Readonly<Record<string, string>> = {}): Uploads {
  return new Uploads({
    stateFolder: path.join(work, name),
    roots: ArtifactRoots.parse(root),
    settings: readArtifactSettings(environment),
    digests,
    logger: createLogger('test', 'silent'),
  });
}

const requestOf = (place: string, requestId = ''): CreateUploadRequest =>
  CreateUploadRequest.fromPartial({
    artifactUri: path.join(root, place),
    requestId,
    files: [{ fileName: 'a', sizeBytes: 1, digest: `sha256:${createHash('sha256').update('1').digest('hex')}` }],
  });

async function* messages(uploadName: string): AsyncGenerator<WriteArtifactRequest> {
  await Promise.resolve();
  yield { content: { $case: 'target', value: { uploadName, fileName: 'a', offset: 0 } } };
  yield { content: { $case: 'data', value: Buffer.from('1') } };
}

async function* noBytes(): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield new Uint8Array(0);
}

test('a call that reads an earlier artifact keeps no other from creating an upload', { timeout: 10_000 }, async () => {
  const digests = new SlowDigests();
  const uploads = newUploads('slow', digests);
  const { name } = await uploads.create(requestOf('slow', 'slow'));
  await uploads.write(messages(name));
  await uploads.finish(name);
  const again = uploads.create(requestOf('slow', 'slow'));
  await digests.asked.promise;
  await uploads.create(requestOf('other', 'other'));
  await uploads.create(requestOf('third'));
  digests.tell();
  assert.equal((await again).name, name);
  await uploads.close();
});

test('calls at one time open no more uploads than may be open', async () => {
  const uploads = newUploads('limited', new FileDigests(), { PEMMICAN_MAX_OPEN_UPLOADS: '2' });
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map((index) => uploads.create(requestOf(`limited-${index}`))));
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 2);
  await uploads.close();
});

test('no more uploads are kept than may be, finished ones among them, until one is deleted', async () => {
  const uploads = newUploads('kept', new FileDigests(), { PEMMICAN_MAX_KEPT_UPLOADS: '2' });
  const { name } = await uploads.create(requestOf('kept-1'));
  await uploads.write(messages(name));
  await uploads.finish(name);
  await uploads.create(requestOf('kept-2'));
  await assert.rejects(
    uploads.create(requestOf('kept-3')),
    /2 uploads, finished ones among them, are kept, at most 2 may be/,
  );
  await uploads.delete(name);
  await uploads.create(requestOf('kept-3'));
  await uploads.close();
});

test('where all room for uploads is being opened, a call says when to try again', async () => {
  const uploads = newUploads('opening', new FileDigests(), { PEMMICAN_MAX_KEPT_UPLOADS: '1' });
  const [, second] = await Promise.allSettled([1, 2].map((index) => uploads.create(requestOf(`opening-${index}`))));
  assert.ok(second?.status === 'rejected' && second.reason instanceof RpcError);
  assert.equal(second.reason.reason, 'TOO_MANY_UPLOADS');
  const { retryDelayMs = Infinity } = second.reason.options;
  assert.ok(retryDelayMs <= readArtifactSettings({}).expiryMs, `${retryDelayMs} ms`);
  await uploads.close();
});

test('who stops the writers of an upload does not wait for what one reads, and no other begins', async () => {
  // Some 10 seconds to read; a hole takes no room.
  const sizeBytes = 8 * 1024 ** 3;
  const id = '00000000-0000-4000-8000-000000000000';
  const session = new UploadSession(
    {
      id,
      artifactUri: path.join(root, 'stopped'),
      path: path.join(root, 'stopped'),
      isPlaceChosen: false,
      overwrite: false,
      requestId: '',
      requestDigest: '',
      files: [{ fileName: 'a', sizeBytes: sizeBytes + 1, digest: '' }],
      createTimeMs: Date.now(),
    },
    Date.now(),
    readArtifactSettings({}),
  );
  await session.folder.create();
  const partial = path.join(root, `.pemmican-upload-${id}`, 'partial/0');
  writeFileSync(partial, '');
  truncateSync(partial, sizeBytes);
  const reason = new Error('stopped');
  const writing = assert.rejects(session.write(0, sizeBytes, noBytes()), reason);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const startTimeMs = Date.now();
  session.isRemoved = true;
  await session.stopWriters(reason);
  await writing;
  assert.ok(Date.now() - startTimeMs < 2000, `${Date.now() - startTimeMs} ms`);
  await assert.rejects(session.write(0, 0, noBytes()), { reason: 'RESOURCE_NOT_FOUND' });
});
