import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { UploadState, type Upload } from '@pemmican/contract/artifacts';
import { refusalOf, type Failure } from '@pemmican/testkit';
import {
  announced,
  createUpload,
  dataMessage,
  deleteUpload,
  digestOf,
  finishUpload,
  getUpload,
  openWrite,
  removeFolders,
  someFiles,
  startArtifacts,
  targetMessage,
  temporaryFolders,
  until,
  uploadAll,
  writeFile,
  type ArtifactServer,
  type Contents,
  type Folders,
} from './harness.ts';

const folders = temporaryFolders();
const { root } = folders;
const server = await startArtifacts(folders);
after(async () => {
  await server.close();
  removeFolders(folders);
});

const refusal = async (work: Promise<unknown>): Promise<Failure> =>
  refusalOf(
    await work.then(
      () => assert.fail('It was not refused'),
      (error: unknown) => error,
    ),
  );
const hiddenIn = (folder: string): string[] =>
  readdirSync(folder).filter((name) => name.startsWith('.pemmican-upload-'));
const hidden = (): string[] => hiddenIn(root);
const recordOf = ({ work }: Folders, name: string): string =>
  path.join(work, 'state/uploads', `${path.basename(name)}.json`);
/** As if the service had been killed before it noted that an upload is finished. */
function forgetEnd(own: Folders, name: string): void {
  const record = JSON.parse(readFileSync(recordOf(own, name), 'utf8')) as { endTimeMs?: number };
  delete record.endTimeMs;
  writeFileSync(recordOf(own, name), JSON.stringify(record));
}
function isSame(folder: string, contents: Contents): void {
  for (const [name, bytes] of Object.entries(contents)) assert.ok(readFileSync(path.join(folder, name)).equals(bytes));
}
/** A server of its own, whose uploads expire and whose limits are low. */
async function ownServer(
  t: TestContext,
  options: Parameters<typeof startArtifacts>[1],
): Promise<{ server: ArtifactServer; root: string; folders: ReturnType<typeof temporaryFolders> }> {
  const own = temporaryFolders();
  const started = await startArtifacts(own, options);
  t.after(async () => {
    await started.close();
    removeFolders(own);
  });
  return { server: started, root: own.root, folders: own };
}

/** Folders whose service is started several times. */
interface Restartable {
  readonly own: Folders;
  readonly start: (options?: Parameters<typeof startArtifacts>[1]) => Promise<ArtifactServer>;
  readonly stop: () => Promise<void>;
}

function restartable(t: TestContext): Restartable {
  const own = temporaryFolders();
  let running: ArtifactServer | undefined;
  const stop = async (): Promise<void> => {
    await running?.close();
    running = undefined;
  };
  t.after(async () => {
    await stop();
    removeFolders(own);
  });
  return { own, stop, start: async (options) => (running = await startArtifacts(own, options)) };
}

test('an upload appears under its name when all files are whole, and not before', async () => {
  const contents = someFiles();
  const artifactUri = path.join(root, 'models/whole');
  const created = await createUpload(server, { artifactUri, files: announced(contents) });
  assert.equal(created.state, UploadState.ACTIVE);
  assert.deepEqual(
    created.files.map(({ committedBytes, isWhole }) => [committedBytes, isWhole]),
    [[0, false], [0, false], [0, false]],
  ); // prettier-ignore
  for (const [name, bytes] of Object.entries(contents)) {
    const { reason, metadata } = await refusal(finishUpload(server, created.name));
    assert.deepEqual([reason, metadata['file']], ['UPLOAD_INCOMPLETE', name]);
    assert.equal((await writeFile(server, created.name, name, 0, bytes)).isWhole, true);
    assert.ok(!existsSync(artifactUri));
  }
  const finished = await finishUpload(server, created.name);
  assert.deepEqual([finished.state, finished.artifactUri], [UploadState.SUCCEEDED, artifactUri]);
  assert.equal(finished.committedBytes, finished.totalSizeBytes);
  isSame(artifactUri, contents);
  assert.deepEqual(readdirSync(path.join(root, 'models')), ['whole'], 'nothing is left beside it');
  assert.deepEqual(await finishUpload(server, created.name), finished, 'finishing again tells the same');
});

test('an upload is continued from the committed offset, by whatever call', async () => {
  const bytes = Buffer.alloc(1_000_000, 'pemmican');
  const { name } = await createUpload(server, { artifactUri: path.join(root, 'resumed'), files: announced({ bytes }) });
  const first = await writeFile(server, name, 'bytes', 0, bytes.subarray(0, 300_000));
  assert.deepEqual([first.committedBytes, first.isWhole], [300_000, false]);
  for (const offset of [0, 299_999, 300_001]) {
    const { code, reason, metadata } = await refusal(writeFile(server, name, 'bytes', offset, bytes.subarray(0, 10)));
    assert.deepEqual([code, reason, metadata['committedBytes']], ['ABORTED', 'OFFSET_MISMATCH', '300000']);
  }
  // A client that goes in the middle: what has come stays.
  const { call, outcome } = openWrite(server);
  call.write(targetMessage(name, 'bytes', 300_000));
  call.write(dataMessage(bytes.subarray(300_000, 500_000)));
  const committed = async (): Promise<number> => (await getUpload(server, name)).committedBytes;
  await until(async () => (await committed()) === 500_000);
  call.cancel();
  assert.equal((await outcome)?.code, 1);
  assert.equal((await writeFile(server, name, 'bytes', 500_000, bytes.subarray(500_000))).isWhole, true);
  await finishUpload(server, name);
  isSame(path.join(root, 'resumed'), { bytes });
  assert.deepEqual(server.log, [], 'that a client goes is no internal error');
});

test('a file with another digest is thrown away, and can be sent again', async () => {
  const bytes = Buffer.alloc(400_000, 'a');
  const damaged = Buffer.from(bytes);
  damaged[200_000] = 98;
  const { name } = await createUpload(server, { artifactUri: path.join(root, 'damaged'), files: announced({ bytes }) });
  const { code, reason, metadata } = await refusal(writeFile(server, name, 'bytes', 0, damaged));
  assert.deepEqual([code, reason], ['DATA_LOSS', 'DIGEST_MISMATCH']);
  assert.deepEqual([metadata['expected'], metadata['actual']], [digestOf(bytes), digestOf(damaged)]);
  assert.equal((await getUpload(server, name)).committedBytes, 0);
  assert.equal((await refusal(finishUpload(server, name))).reason, 'UPLOAD_INCOMPLETE');
  await writeFile(server, name, 'bytes', 0, bytes);
  await finishUpload(server, name);
  isSame(path.join(root, 'damaged'), { bytes });
});

test('bytes past the announced size are refused, those before stay', async () => {
  const bytes = Buffer.alloc(100, 'a');
  const { name } = await createUpload(server, { artifactUri: path.join(root, 'long'), files: announced({ bytes }) });
  const { code, reason } = await refusal(writeFile(server, name, 'bytes', 0, Buffer.alloc(150, 'a'), 60));
  assert.deepEqual([code, reason], ['OUT_OF_RANGE', 'FILE_TOO_LONG']);
  assert.equal((await getUpload(server, name)).committedBytes, 60);
  await writeFile(server, name, 'bytes', 60, bytes.subarray(60));
  assert.equal((await refusal(writeFile(server, name, 'bytes', 100, Buffer.alloc(1)))).reason, 'FILE_TOO_LONG');
  await deleteUpload(server, name);
});

test('of two calls for one file the later takes over, and the bytes are those of the file', async () => {
  const bytes = Buffer.alloc(900_000, 'pemmican');
  const { name } = await createUpload(server, { artifactUri: path.join(root, 'two'), files: announced({ bytes }) });
  const { call, outcome } = openWrite(server);
  call.write(targetMessage(name, 'bytes', 0));
  call.write(dataMessage(bytes.subarray(0, 400_000)));
  await until(async () => (await getUpload(server, name)).committedBytes === 400_000);
  assert.equal((await writeFile(server, name, 'bytes', 400_000, bytes.subarray(400_000))).isWhole, true);
  const told = refusalOf(await outcome);
  assert.deepEqual([told.code, told.reason], ['ABORTED', 'WRITER_REPLACED']);
  call.write(dataMessage(Buffer.from('too late')));
  call.end();
  // Files of one upload, and uploads, go on beside each other.
  await finishUpload(server, name);
  isSame(path.join(root, 'two'), { bytes });
  const many = Array.from({ length: 4 }, (_, index) => uploadAll(server, someFiles(), { artifactUri: path.join(root, `many-${index}`) })); // prettier-ignore
  await Promise.all(many);
});

test('an upload of a request id is the same one, after its end too, while its files are what was uploaded', async () => {
  const contents = { a: Buffer.from('1') };
  const request = { artifactUri: path.join(root, 'once'), files: announced(contents), requestId: 'once' };
  const [first, second] = await Promise.all([createUpload(server, request), createUpload(server, request)]);
  assert.equal(first.name, second.name);
  const { code, reason } = await refusal(createUpload(server, { ...request, overwrite: true }));
  assert.deepEqual([code, reason], ['ALREADY_EXISTS', 'REQUEST_ID_REUSED']);
  await writeFile(server, first.name, 'a', 0, contents.a);
  await finishUpload(server, first.name);
  assert.equal((await createUpload(server, request)).state, UploadState.SUCCEEDED);
  writeFileSync(path.join(root, 'once/a'), '2');
  assert.equal((await refusal(createUpload(server, request))).reason, 'DESTINATION_EXISTS');
  rmSync(path.join(root, 'once'), { recursive: true });
  const again = await createUpload(server, request);
  assert.deepEqual([again.state, again.name === first.name], [UploadState.ACTIVE, false]);
  await deleteUpload(server, again.name);
});

test('a folder with files is replaced where that is asked for, in whole, and is left alone otherwise', async () => {
  const artifactUri = path.join(root, 'replaced');
  await uploadAll(server, { old: Buffer.from('old') }, { artifactUri });
  const files = announced({ new: Buffer.from('new') });
  assert.equal((await refusal(createUpload(server, { artifactUri, files }))).reason, 'DESTINATION_EXISTS');
  await uploadAll(server, { new: Buffer.from('new') }, { artifactUri, overwrite: true });
  assert.deepEqual(readdirSync(artifactUri), ['new']);
  // One that came while the upload was under way.
  const late = path.join(root, 'late');
  const { name } = await createUpload(server, { artifactUri: late, files });
  await writeFile(server, name, 'new', 0, Buffer.from('new'));
  mkdirSync(late);
  writeFileSync(path.join(late, 'mine'), '');
  assert.equal((await refusal(finishUpload(server, name))).reason, 'DESTINATION_EXISTS');
  rmSync(path.join(late, 'mine'));
  await finishUpload(server, name);
  assert.deepEqual(readdirSync(late), ['new']);
});

test('a deleted upload leaves nothing; at a place that the service chose the artifact goes with it', async () => {
  const contents = someFiles();
  const before = hidden();
  const { name } = await createUpload(server, { artifactUri: path.join(root, 'deleted'), files: announced(contents) });
  const { call, outcome } = openWrite(server);
  call.write(targetMessage(name, 'config.json', 0));
  await until(() => hidden().length === before.length + 1);
  await deleteUpload(server, name);
  assert.equal(refusalOf(await outcome).reason, 'RESOURCE_NOT_FOUND');
  assert.deepEqual(hidden(), before);
  assert.equal((await refusal(getUpload(server, name))).code, 'NOT_FOUND');

  const chosen = await uploadAll(server, contents);
  assert.ok(chosen.artifactUri.startsWith(`${root}/pemmican-uploads/`), chosen.artifactUri);
  isSame(chosen.artifactUri, contents);
  // What a job has written there since.
  writeFileSync(path.join(chosen.artifactUri, 'output'), '');
  await deleteUpload(server, chosen.name);
  assert.ok(!existsSync(chosen.artifactUri));

  const named = await uploadAll(server, contents, { artifactUri: path.join(root, 'kept') });
  await deleteUpload(server, named.name);
  isSame(path.join(root, 'kept'), contents);
});

test('uploads outlive their service, and files that were whole stay whole', async (t) => {
  const own = temporaryFolders();
  t.after(() => {
    removeFolders(own);
  });
  const contents = someFiles();
  const model = contents['onnx/model.bin']!;
  const artifactUri = path.join(own.root, 'model');
  const first = await startArtifacts(own);
  const { name } = await createUpload(first, { artifactUri, files: announced(contents) });
  await writeFile(first, name, 'config.json', 0, contents['config.json']!);
  await writeFile(first, name, 'onnx/model.bin', 0, model.subarray(0, 1_000_000));
  const { call, outcome } = openWrite(first);
  call.write(targetMessage(name, 'onnx/model.bin', 1_000_000));
  call.write(dataMessage(model.subarray(1_000_000, 1_500_000)));
  await until(async () => (await getUpload(first, name)).committedBytes === 1_500_002);
  await first.closeService();
  const told = refusalOf(await outcome);
  assert.deepEqual([told.code, told.reason], ['UNAVAILABLE', 'SERVICE_STOPPING']);
  await first.close();

  const second = await startArtifacts(own);
  const { files } = await getUpload(second, name);
  assert.deepEqual(
    files.map(({ committedBytes, isWhole }) => [committedBytes, isWhole]),
    [[2, true], [0, false], [1_500_000, false]],
  ); // prettier-ignore
  await writeFile(second, name, 'onnx/model.bin', 1_500_000, model.subarray(1_500_000));
  await writeFile(second, name, 'empty.txt', 0, Buffer.alloc(0));
  await second.close();

  // Killed between giving the artifact its name and saying so.
  const third = await startArtifacts(own);
  await finishUpload(third, name);
  await third.close();
  forgetEnd(own, name);
  writeFileSync(path.join(own.work, 'state/uploads/broken.json'), '{');
  writeFileSync(path.join(own.work, 'state/uploads/.broken.json.1.tmp'), '');
  // What cannot be read may be a record, and what has another name is somebody else's.
  mkdirSync(path.join(own.work, 'state/uploads/unreadable.json'));
  writeFileSync(path.join(own.work, 'state/uploads/other'), '');
  const fourth = await startArtifacts(own);
  assert.equal((await finishUpload(fourth, name)).state, UploadState.SUCCEEDED);
  isSame(artifactUri, contents);
  const kept = [path.basename(recordOf(own, name)), 'other', 'unreadable.json'];
  assert.deepEqual(readdirSync(path.join(own.work, 'state/uploads')).sort(), kept.sort());
  assert.match(fourth.log.join(''), /the record of an upload cannot be read.*EISDIR/);
  await fourth.close();
});

/** As somebody who may not remove all: for root there is nothing that it may not. */
function asNobody(t: TestContext): void {
  if (process.getuid?.() !== 0) return;
  process.seteuid?.(65534);
  t.after(() => process.seteuid?.(0));
}

test('what an upload replaces and cannot remove is no failure, then and at the next start', async (t) => {
  asNobody(t);
  const { own, start, stop } = restartable(t);
  const artifactUri = path.join(own.root, 'model');
  mkdirSync(path.join(artifactUri, 'fixed'), { recursive: true });
  writeFileSync(path.join(artifactUri, 'fixed/old'), '');
  chmodSync(path.join(artifactUri, 'fixed'), 0o555);
  const left = (): string[] => readdirSync(own.root).filter((name) => name.startsWith('.'));
  const first = await start();
  const { name, state } = await uploadAll(first, { new: Buffer.from('new') }, { artifactUri, overwrite: true });
  assert.equal(state, UploadState.SUCCEEDED);
  assert.equal((await finishUpload(first, name)).state, UploadState.SUCCEEDED);
  assert.deepEqual(readdirSync(artifactUri), ['new']);
  assert.equal(left().length, 1);
  assert.match(first.log.join(''), /a folder that was replaced cannot be removed.*EACCES/);
  await stop();

  // Killed before it said so, and what it left is a dead process's.
  forgetEnd(own, name);
  const [leftName = ''] = left();
  const dead = leftName.replace(/-\d+-\w+-(?=[0-9a-f]{8}\.tmp$)/, '-999999999-1-');
  assert.notEqual(dead, leftName);
  renameSync(path.join(own.root, leftName), path.join(own.root, dead));
  const second = await start();
  assert.equal((await getUpload(second, name)).state, UploadState.SUCCEEDED);
  assert.match(second.log.join(''), /a folder that was replaced cannot be removed.*EACCES/);
  for (const folder of left()) chmodSync(path.join(own.root, folder, 'fixed'), 0o755);
});

test('an upload that a crash has cut off while it replaced a folder is not taken for finished', async (t) => {
  const { own, start, stop } = restartable(t);
  const artifactUri = path.join(own.root, 'model');
  mkdirSync(artifactUri);
  writeFileSync(path.join(artifactUri, 'weights'), 'old');
  const first = await start();
  const contents = { weights: Buffer.from('new') };
  const { name } = await createUpload(first, { artifactUri, files: announced(contents), overwrite: true });
  await writeFile(first, name, 'weights', 0, contents.weights);
  await stop();
  // After the first of its renames.
  const whole = path.join(own.root, hiddenIn(own.root)[0] ?? '', 'whole');
  renameSync(whole, path.join(own.root, '.model.pemmican-00000000-1-1-00000000.new'));

  const second = await start();
  const { state, committedBytes } = await getUpload(second, name);
  assert.deepEqual([state, committedBytes], [UploadState.ACTIVE, 0]);
  await writeFile(second, name, 'weights', 0, contents.weights);
  await finishUpload(second, name);
  isSame(artifactUri, contents);
});

test('a finished upload that is asked for is kept from then on, by the next process too', async (t) => {
  const { own, start, stop } = restartable(t);
  const first = await start();
  const a = Buffer.from('1');
  const request = { files: announced({ a }), requestId: 'kept' };
  const expiry = ({ expireTime }: Upload): number => expireTime?.getTime() ?? 0;
  const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
  const created = await createUpload(first, request);
  await later();
  assert.equal(expiry(await getUpload(first, created.name)), expiry(created), 'one that gets no bytes is not kept');
  const again = await createUpload(first, request);
  assert.ok(expiry(again) > expiry(created));
  await writeFile(first, created.name, 'a', 0, a);
  const times = [expiry(await finishUpload(first, created.name))];
  for (const ask of [() => getUpload(first, created.name), () => createUpload(first, request)]) {
    await later();
    times.push(expiry(await ask()));
    assert.ok(times.at(-1)! > times.at(-2)!, times.join(' '));
  }
  const { mtimeMs } = statSync(recordOf(own, created.name));
  await stop();
  // What the next process reads. 168 hours; a file's time is a fraction of a millisecond less than what it was set to.
  assert.ok(Math.abs(mtimeMs + 168 * 3_600_000 - times.at(-1)!) < 2, `${mtimeMs}`);
});

test('bytes that came a moment ago keep an upload whose service was killed before it noted them', async (t) => {
  const { own, start, stop } = restartable(t);
  const files = announced({ bytes: Buffer.alloc(100) });
  const names: string[] = [];
  const first = await start();
  for (const place of ['used', 'abandoned']) {
    const { name } = await createUpload(first, { artifactUri: path.join(own.root, place), files });
    await writeFile(first, name, 'bytes', 0, Buffer.alloc(50));
    names.push(name);
  }
  await stop();
  // An upload is kept for 24 hours.
  const longAgo = new Date(Date.now() - 25 * 3_600_000);
  const [used = '', abandoned = ''] = names;
  for (const name of names) utimesSync(recordOf(own, name), longAgo, longAgo);
  const partial = path.join(own.root, `.pemmican-upload-${path.basename(abandoned)}`, 'partial');
  for (const place of [path.join(partial, '0'), partial]) utimesSync(place, longAgo, longAgo);

  const second = await start();
  assert.equal((await getUpload(second, used)).committedBytes, 50);
  assert.equal((await refusal(getUpload(second, abandoned))).code, 'NOT_FOUND');
  await until(() => hiddenIn(own.root).length === 1);
});

test('an abandoned upload is removed when it expires, and so is what it has received', async (t) => {
  // 1.8 seconds after the last byte.
  const {
    server: own,
    root: ownRoot,
    folders: ownFolders,
  } = await ownServer(t, {
    environment: { PEMMICAN_UPLOAD_EXPIRY_HOURS: '0.0005' },
    sweepIntervalMs: 50,
  });
  const contents = someFiles();
  const { name } = await createUpload(own, {
    artifactUri: path.join(ownRoot, 'abandoned'),
    files: announced(contents),
  });
  const finished = await uploadAll(own, contents, { artifactUri: path.join(ownRoot, 'finished') });
  await until(async () => (await refusal(getUpload(own, name)).catch(() => undefined))?.code === 'NOT_FOUND');
  await until(() => readdirSync(ownRoot).length === 1);
  // Of a finished one only the record goes.
  await until(() => !existsSync(recordOf(ownFolders, finished.name)));
  assert.equal((await refusal(getUpload(own, finished.name))).code, 'NOT_FOUND');
  isSame(path.join(ownRoot, 'finished'), contents);
  assert.deepEqual(own.log, []);
});

test('a slow client keeps its upload from expiring as long as bytes come', async (t) => {
  const { server: own, root: ownRoot } = await ownServer(t, {
    environment: { PEMMICAN_UPLOAD_EXPIRY_HOURS: '0.0002' },
    sweepIntervalMs: 20,
  });
  const bytes = Buffer.alloc(6, 'a');
  const { name } = await createUpload(own, { artifactUri: path.join(ownRoot, 'slow'), files: announced({ bytes }) });
  const { call, outcome } = openWrite(own);
  call.write(targetMessage(name, 'bytes', 0));
  for (let sent = 0; sent < 6; sent++) {
    call.write(dataMessage(bytes.subarray(sent, sent + 1)));
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  call.end();
  assert.equal(await outcome, undefined);
  await finishUpload(own, name);
});

test('a full disk is told as DISK_FULL, and the upload goes on when there is room', async (t) => {
  const bytes = Buffer.alloc(100, 'a');
  const { name } = await createUpload(server, { artifactUri: path.join(root, 'full'), files: announced({ bytes }) });
  const [, id = ''] = name.split('/');
  const partial = path.join(root, `.pemmican-upload-${id}`, 'partial/0');
  // /dev/full by another name: what takes no byte, in place of the file.
  if (spawnSync('mknod', [partial, 'c', '1', '7']).status !== 0) {
    t.skip('only root makes devices');
    return;
  }
  const { code, reason } = await refusal(writeFile(server, name, 'bytes', 0, bytes));
  assert.deepEqual([code, reason], ['RESOURCE_EXHAUSTED', 'DISK_FULL']);
  rmSync(partial);
  await writeFile(server, name, 'bytes', 0, bytes);
  await finishUpload(server, name);
});
