import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { after, before, beforeEach, test } from 'node:test';

import { PutObjectCommand, type CompletedPart, type S3Client } from '@aws-sdk/client-s3';
import type { ByteSource, FolderReader } from '@pemmican/safetensors';
import { S3TestServer } from '@pemmican/testkit';

import { StorageError, createFolder, openByteSource, openFolder, readJsonFile, writeFileWhole } from './mod.ts';
import { createS3Client, openS3Folder, s3Client } from './s3/mod.ts';
import { S3Upload } from './s3/upload.ts';

const BUCKET = 'models';
const MIB = 1024 * 1024;
let server: S3TestServer;
let client: S3Client;

before(async () => {
  server = await S3TestServer.start(BUCKET);
  Object.assign(process.env, server.environment);
  client = await s3Client();
});
after(() => server.stop());
beforeEach(() => void (server.requests.length = 0));

async function put(key: string, body: Uint8Array | string): Promise<void> {
  await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: body }));
}

async function bytesOf(source: ByteSource | undefined): Promise<Buffer> {
  assert.ok(source !== undefined);
  const bytes = Buffer.alloc(source.sizeBytes);
  await source.read(0, bytes);
  await source.close();
  return bytes;
}

async function writeFolder(uri: string, files: Record<string, Uint8Array>, overwrite = false): Promise<void> {
  const writer = await createFolder(uri, { overwrite });
  for (const [fileName, bytes] of Object.entries(files))
    // In pieces that fit no part, as tensors come.
    await writer.write(fileName, async (sink) => {
      for (let start = 0; start < bytes.length; start += 3_000_001)
        await sink.write(bytes.subarray(start, start + 3_000_001));
    });
  await writer.commit();
}

async function filesOf(folder: FolderReader): Promise<Record<string, Buffer>> {
  const names = await folder.list();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await bytesOf(await folder.open(name))] as const)),
  );
}

test('a folder comes back byte for byte, of files of several parts, one part and none', async () => {
  const files = {
    'config.json': Buffer.from('{}'),
    'empty.txt': Buffer.alloc(0),
    'model.safetensors': randomBytes(37 * MIB + 5),
    'one/part.bin': randomBytes(16 * MIB),
    'two words/Größe 語+%20=?#.json': Buffer.from('unicode'),
  };
  const uri = `s3://${BUCKET}/round/trip`;
  await writeFolder(uri, files);
  const folder = await openFolder(uri);
  assert.equal(folder.name, uri);
  const read = await filesOf(folder);
  assert.deepEqual(Object.keys(read), Object.keys(files).sort());
  for (const [name, bytes] of Object.entries(files)) assert.ok(bytes.equals(read[name] ?? Buffer.alloc(0)), name);
  const parts = server.requests.filter((request) => /^PUT .*model\.safetensors\?.*partNumber=/.test(request));
  assert.equal(parts.length, 3);
  assert.equal(await folder.open('other.json'), undefined);
  await assert.rejects(folder.open('../trip/config.json'), { code: 'INVALID_NAME' });
});

test('config.json appears after everything else, and nothing appears before the commit', async () => {
  const uri = `s3://${BUCKET}/order`;
  const writer = await createFolder(uri);
  await writer.write('config.json', (sink) => sink.write(Buffer.from('{}')));
  await writer.write('model.safetensors', (sink) => sink.write(new Uint8Array(17 * MIB)));
  await writer.write('tokenizer.json', (sink) => sink.write(Buffer.from('{}')));
  await assert.rejects(openFolder(uri), { code: 'NOT_FOUND' });
  server.requests.length = 0;
  await writer.commit();
  const made = server.requests.flatMap((request) => /^(?:PUT|POST) \/models\/order\/([^?]+)/.exec(request)?.[1] ?? []);
  assert.deepEqual(made, ['model.safetensors', 'tokenizer.json', 'config.json']);
});

test('the checksums that a server has noted of parts are said again when they become an object', async () => {
  const noting = await createS3Client(process.env);
  const said: unknown[] = [];
  noting.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (commandName === 'CompleteMultipartUploadCommand') said.push(args.input);
        const answer = await next(args);
        // s3rver does not tell the checksum that the client has sent.
        if (commandName === 'UploadPartCommand') Object.assign(answer.output, { ChecksumCRC32: 'AAAAAA==' });
        return answer;
      },
    { step: 'initialize' },
  );
  const upload = new S3Upload(noting, { kind: 's3', bucket: BUCKET, key: 'checksums.bin' });
  await upload.write(new Uint8Array(17 * MIB));
  await upload.finish(false);
  await upload.complete();
  const { Parts } = (said as { MultipartUpload: { Parts: CompletedPart[] } }[])[0]?.MultipartUpload ?? {};
  assert.deepEqual(
    Parts?.map(({ PartNumber, ChecksumCRC32 }) => [PartNumber, ChecksumCRC32]),
    [
      [1, 'AAAAAA=='],
      [2, 'AAAAAA=='],
    ],
  );
});

test('a folder that is given up leaves nothing, and ends its uploads', async () => {
  const uri = `s3://${BUCKET}/given-up`;
  const writer = await createFolder(uri);
  await writer.write('model.safetensors', (sink) => sink.write(new Uint8Array(17 * MIB)));
  const failing = writer.write('other.safetensors', async (sink) => {
    await sink.write(new Uint8Array(17 * MIB));
    throw new Error('the tensors ran out');
  });
  await assert.rejects(failing, { message: 'the tensors ran out' });
  await writer.abort();
  await writer.abort();
  await assert.rejects(writer.commit(), { code: 'CLOSED' });
  await assert.rejects(openFolder(uri), { code: 'NOT_FOUND' });
  const ended = server.requests.filter((request) => /^DELETE .*uploadId=/.test(request));
  assert.equal(ended.length, 2);
});

test('createFolder refuses a prefix with objects, and replaces it in whole when asked', async () => {
  const uri = `s3://${BUCKET}/taken`;
  await writeFolder(uri, { 'config.json': Buffer.from('old'), 'adapter_config.json': Buffer.from('old') });
  // A sibling whose name begins alike is no part of the folder.
  await put('taken-not/config.json', 'sibling');
  await assert.rejects(createFolder(uri), {
    code: 'DESTINATION_EXISTS',
    message: `${uri}: there are objects below this prefix; name another or ask to overwrite them`,
  });
  await writeFolder(uri, { 'config.json': Buffer.from('new') }, true);
  assert.deepEqual(await filesOf(await openFolder(uri)), { 'config.json': Buffer.from('new') });
  assert.equal(String(await bytesOf(await openByteSource(`s3://${BUCKET}/taken-not/config.json`))), 'sibling');
  await assert.rejects(createFolder(`s3://${BUCKET}/`, { overwrite: true }), { code: 'INVALID_URI' });
});

test('a folder that a console has made, with no files, is empty: nothing to read, and a place to write to', async () => {
  const uri = `s3://${BUCKET}/made-by-console`;
  for (const key of ['made-by-console/', 'made-by-console/checkpoints/']) await put(key, '');
  await assert.rejects(openFolder(uri), { code: 'NOT_FOUND' });
  await writeFolder(uri, { 'config.json': Buffer.from('{}') });
  assert.deepEqual(await filesOf(await openFolder(uri)), { 'config.json': Buffer.from('{}') });
});

test('a folder that somebody else has written meanwhile is not mixed with ours', async () => {
  const uri = `s3://${BUCKET}/raced`;
  const writer = await createFolder(uri);
  await writer.write('model.safetensors', (sink) => sink.write(Buffer.from('ours')));
  await put('raced/config.json', 'theirs');
  await assert.rejects(writer.commit(), { code: 'DESTINATION_EXISTS' });
  await writer.abort();
  assert.deepEqual(await filesOf(await openFolder(uri)), { 'config.json': Buffer.from('theirs') });
});

test('reading a tensor moves its bytes, and small reads share their requests', async () => {
  const bytes = randomBytes(20 * MIB);
  await put('ranges.safetensors', bytes);
  server.requests.length = 0;
  const source = await openByteSource(`s3://${BUCKET}/ranges.safetensors`);
  const read = async (offset: number, length: number): Promise<void> => {
    const target = Buffer.alloc(length);
    await source.read(offset, target);
    assert.ok(bytes.subarray(offset, offset + length).equals(target), `${length} bytes at ${offset}`);
  };
  for (let offset = 0; offset < 100_000; offset += 1000) await read(offset, 8);
  await read(131_000, 200);
  await read(9_000_000, 200_000);
  assert.deepEqual(
    server.requests.map((request) => request.replace(/\?\S+/, '')),
    [
      'GET /models/ranges.safetensors bytes=0-131071',
      'GET /models/ranges.safetensors bytes=131072-393215',
      'GET /models/ranges.safetensors bytes=9000000-9199999',
    ],
  );
  await read(1, 20 * MIB - 1);
  assert.equal(server.requests.length, 6);
  // What is read from one end to the other comes in larger and larger pieces.
  for (let offset = 9_200_000; offset < 19_000_000; offset += 100_000) await read(offset, 100_000);
  assert.deepEqual(
    server.requests.slice(6).map((request) => {
      const [, start = '', last = ''] = /bytes=(\d+)-(\d+)/.exec(request) ?? [];
      return (Number(last) + 1 - Number(start)) / 1024;
    }),
    [256, 512, 1024, 2048, 4096, (20 * MIB - 9_200_000 - 7936 * 1024) / 1024],
  );
  await read(20 * MIB - 3, 3);
  await assert.rejects(source.read(20 * MIB - 3, Buffer.alloc(4)), RangeError);
  await source.close();
  await assert.rejects(source.read(0, Buffer.alloc(1)), { code: 'CLOSED' });
});

test('a folder of more than 1000 objects is listed whole', async () => {
  const keys = Array.from({ length: 1100 }, (_, index) => `many/${String(index).padStart(4, '0')}.txt`);
  server.seed(BUCKET, keys, 'x');
  await put('many/.git/config', 'x');
  server.requests.length = 0;
  const names = await (await openFolder(`s3://${BUCKET}/many/`)).list();
  assert.equal(names.length, 1100);
  assert.deepEqual([names[0], names.at(-1)], ['0000.txt', '1099.txt']);
  assert.equal(server.requests.length, 2);
});

test('an object that is replaced while it is read is an error', async () => {
  await put('changing/config.json', 'x'.repeat(10));
  await put('changing/model.safetensors', randomBytes(MIB));
  const folder = await openFolder(`s3://${BUCKET}/changing`);
  const source = await folder.open('model.safetensors');
  await put('changing/model.safetensors', randomBytes(MIB));
  const changed = { code: 'CHANGED_WHILE_READ', message: /model\.safetensors: has changed since it was opened$/ };
  await assert.rejects(source?.read(500_000, Buffer.alloc(100)) ?? Promise.resolve(), changed);
  await assert.rejects(source?.read(200_000, Buffer.alloc(300_000)) ?? Promise.resolve(), changed);
  // Neither is a file of one model read with a file of another.
  await assert.rejects(folder.open('model.safetensors'), changed);
});

test('transfers that break off go on where they stopped', async () => {
  const bytes = randomBytes(9 * MIB);
  await put('broken.bin', bytes);
  const source = await openByteSource(`s3://${BUCKET}/broken.bin`);
  server.requests.length = 0;
  server.cut(3, 2 * MIB);
  assert.ok(bytes.equals(await bytesOf(source)));
  const starts = server.requests.flatMap((request) => /bytes=(\d+)-/.exec(request)?.[1] ?? []).map(Number);
  // Two parts, and three that go on with one of them.
  assert.equal(starts.filter((start) => start % (8 * MIB) !== 0).length, 3, String(starts));
});

test('a server that dies in the middle of an upload and comes back is waited for', async () => {
  const bytes = randomBytes(40 * MIB);
  const uri = `s3://${BUCKET}/outlived`;
  const writer = await createFolder(uri);
  await writer.write('model.safetensors', async (sink) => {
    await sink.write(bytes.subarray(0, 20 * MIB));
    await server.shut();
    setTimeout(() => void server.open(), 1000);
    await sink.write(bytes.subarray(20 * MIB));
  });
  await writer.commit();
  assert.ok(bytes.equals((await filesOf(await openFolder(uri)))['model.safetensors'] ?? Buffer.alloc(0)));
});

test('what is wrong is said with the URI and what to do, and no more', async () => {
  await put('errors/config.json', '{');
  await assert.rejects(openFolder('s3://no-such-bucket/x'), {
    code: 'NOT_FOUND',
    message: 's3://no-such-bucket/x: there is no such bucket',
  });
  await assert.rejects(createFolder('s3://no-such-bucket/x'), { code: 'NOT_FOUND' });
  await assert.rejects(openFolder(`s3://${BUCKET}/nothing`), {
    code: 'NOT_FOUND',
    message: `s3://${BUCKET}/nothing: there are no objects below this prefix`,
  });
  await assert.rejects(openByteSource(`s3://${BUCKET}/nothing.json`), {
    code: 'NOT_FOUND',
    message: `s3://${BUCKET}/nothing.json: there is no such object`,
  });
  await assert.rejects(openByteSource(`s3://${BUCKET}`), { code: 'NOT_A_FILE' });
  await assert.rejects(readJsonFile(`s3://${BUCKET}/errors/config.json`, { maxBytes: 10 }), { code: 'INVALID_JSON' });
  await writeFileWhole(`s3://${BUCKET}/errors/config.json`, Buffer.from('{"a": 1}'));
  assert.deepEqual(await readJsonFile(`s3://${BUCKET}/errors/config.json`, { maxBytes: 10 }), { a: 1 });
});

/** Everything that a log could print of an error. */
async function tellsOf(broken: Record<string, string | undefined>, work: (client: S3Client) => Promise<unknown>) {
  const kept = { ...process.env };
  for (const [name, value] of Object.entries(broken)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  try {
    const error: unknown = await work(await createS3Client(process.env)).then(
      () => assert.fail('nothing was wrong'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof StorageError, String(error));
    return { error, text: inspect(error, { depth: 10, showHidden: true }) };
  } finally {
    for (const name of Object.keys(broken)) delete process.env[name];
    Object.assign(process.env, kept);
  }
}

test('ACCESS_DENIED tells no credentials, whether there are wrong ones or none', async () => {
  const location = { kind: 's3', bucket: BUCKET, key: 'errors' } as const;
  const open = (wrong: S3Client): Promise<FolderReader> => openS3Folder(wrong, location);
  const secret = await tellsOf({ AWS_SECRET_ACCESS_KEY: 'wrong-secret-of-mine' }, open);
  assert.equal(secret.error.code, 'ACCESS_DENIED');
  assert.equal(secret.error.message, `s3://${BUCKET}/errors: the S3 server denies access (403 SignatureDoesNotMatch)`);
  assert.doesNotMatch(secret.text, /wrong-secret|S3RVER|Signature=|AWS4-HMAC|[0-9a-f]{64}/);
  const key = await tellsOf({ AWS_ACCESS_KEY_ID: 'AKIAUNKNOWN', AWS_SESSION_TOKEN: 'a-token' }, open);
  assert.equal(key.error.code, 'ACCESS_DENIED');
  assert.doesNotMatch(key.text, /AKIAUNKNOWN|a-token/);
  const none = await tellsOf({ AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined }, open);
  assert.equal(none.error.code, 'ACCESS_DENIED');
  assert.match(none.error.message, /no credentials for S3 were found/);
});

test('DOWNLOAD_FAILED and UPLOAD_FAILED say when to try again where the server is gone', async () => {
  const uri = `s3://${BUCKET}/gone`;
  const writer = await createFolder(uri);
  await writer.write('config.json', (sink) => sink.write(Buffer.from('{}')));
  const location = { kind: 's3', bucket: BUCKET, key: 'gone' } as const;
  await server.shut();
  try {
    const gone = await tellsOf({ AWS_MAX_ATTEMPTS: '2' }, (impatient) => openS3Folder(impatient, location));
    assert.equal(gone.error.code, 'DOWNLOAD_FAILED');
    assert.equal(gone.error.retryDelayMs, 10_000);
    assert.match(gone.error.message, /^s3:\/\/models\/gone: could not be read: .* \(ECONNREFUSED\), also when tried/);
    const { createS3Folder } = await import('./s3/mod.ts');
    await server.open();
    const failed = await tellsOf({ AWS_MAX_ATTEMPTS: '2' }, async (impatient) => {
      const other = await createS3Folder(impatient, location, false);
      await server.shut();
      await other.write('model.safetensors', (sink) => sink.write(new Uint8Array(17 * MIB)));
    });
    assert.equal(failed.error.code, 'UPLOAD_FAILED');
    assert.equal(failed.error.retryDelayMs, 10_000);
  } finally {
    await server.open();
  }
});
