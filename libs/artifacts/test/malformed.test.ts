import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { ArtifactServiceService as service, type ArtifactFile } from '@pemmican/contract/artifacts';
import { callMethod, callRaw, refusalOf, type Failure } from '@pemmican/testkit';
import {
  announced,
  createUpload,
  dataMessage,
  removeFolders,
  startArtifacts,
  targetMessage,
  temporaryFolders,
} from './harness.ts';

const folders = temporaryFolders();
const { root, work } = folders;
const server = await startArtifacts(folders, { environment: { PEMMICAN_MAX_OPEN_UPLOADS: '100' } });
after(async () => {
  await server.close();
  removeFolders(folders);
});

const refusal = async (call: Promise<unknown>): Promise<Failure> =>
  refusalOf(
    await call.then(
      () => assert.fail('It was not refused'),
      (error: unknown) => error,
    ),
  );
const [file] = announced({ a: Buffer.from('a') }) as [ArtifactFile];
const withFiles = (...changes: Partial<ArtifactFile>[]): Promise<Failure> =>
  refusal(
    createUpload(server, {
      artifactUri: path.join(root, 'model'),
      files: changes.map((change) => ({ ...file, ...change })),
    }),
  );

test('CreateUpload refuses names that lead out of the folder, digests that are none and sizes below 0, all at once', async () => {
  const names = ['', '.', '..', '../a', 'a/../b', '/a', 'a//b', 'a/', './a', 'a\0', 'a\\b', 'x'.repeat(256)];
  for (const fileName of [...names, 'a/'.repeat(9) + 'a', `${'\u00e9'.repeat(128)}`]) {
    const { code, message } = await withFiles({ fileName });
    assert.deepEqual([code, message.startsWith('files[0].file_name: ')], ['INVALID_ARGUMENT', true], message);
  }
  const { message } = await withFiles(
    { digest: 'sha256:0' },
    { fileName: 'b', digest: '' },
    { fileName: 'c', sizeBytes: -1 },
  );
  assert.match(message, /^files\[0\]\.digest: .*; files\[1\]\.digest: .*; files\[2\]\.size_bytes: is -1, must not be/);
  assert.match((await withFiles({}, {})).message, /files\[1\]\.file_name: is there twice/);
  assert.match(
    (await withFiles({ fileName: 'a/b' }, { fileName: 'a' })).message,
    /files\[0\]\.file_name: lies in a, which is a file too/,
  );
  const long = refusal(createUpload(server, { files: [file], requestId: 'x'.repeat(201) }));
  assert.match((await long).message, /request_id: has 201 characters, at most 200/);
  assert.deepEqual(readdirSync(root), []);
});

test('names that are only unusual are fine', async () => {
  const names = [
    '.gitattributes',
    '...',
    'a b',
    '\u00e9\u{1f600}',
    'a'.repeat(255),
    '-rf',
    'con',
    `${'d/'.repeat(8)}a`,
  ];
  const files = names.map((fileName) => ({ ...file, fileName }));
  const { name } = await createUpload(server, { artifactUri: path.join(root, 'unusual'), files });
  for (const fileName of names)
    await callMethod(server.client, service.writeArtifact, [
      targetMessage(name, fileName, 0),
      dataMessage(Buffer.from('a')),
    ]);
  await callMethod(server.client, service.finishUpload, [{ name }]);
  assert.deepEqual(
    readdirSync(path.join(root, 'unusual'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(path.join(root, 'unusual'), path.join(entry.parentPath, entry.name)))
      .sort(),
    names.sort(),
  );
});

test('an upload goes through no link, neither on the way nor at its end', async () => {
  mkdirSync(path.join(work, 'outside'));
  symlinkSync(path.join(work, 'outside'), path.join(root, 'link'));
  symlinkSync(path.join(work, 'nothing'), path.join(root, 'to-nothing'));
  for (const place of ['link', 'link/model', 'to-nothing', 'to-nothing/model', '../outside/model', 'a/../../outside'])
    assert.equal(
      (await refusal(createUpload(server, { artifactUri: `${root}/${place}`, files: [file], overwrite: true }))).reason,
      'OUTSIDE_ROOTS',
    );
  // A file of the upload that somebody makes a link of.
  const { name } = await createUpload(server, { artifactUri: path.join(root, 'later'), files: [file] });
  const [, id = ''] = name.split('/');
  symlinkSync(path.join(work, 'outside/written'), path.join(root, `.pemmican-upload-${id}`, 'partial/0'));
  const write = callMethod(server.client, service.writeArtifact, [
    targetMessage(name, 'a', 0),
    dataMessage(Buffer.from('a')),
  ]);
  assert.equal((await refusal(write)).code, 'INVALID_ARGUMENT');
  assert.deepEqual(readdirSync(path.join(work, 'outside')), []);
});

test('streams that are not as they must be are refused, and nothing of them is kept', async () => {
  const { name } = await createUpload(server, { artifactUri: path.join(root, 'streams'), files: [file] });
  const target = targetMessage(name, 'a', 0);
  const data = dataMessage(Buffer.from('a'));
  const write = (...messages: object[]): Promise<Failure> =>
    refusal(callMethod(server.client, service.writeArtifact, messages));
  const wrong = [[], [data], [{ content: undefined }], [target, target], [target, { content: undefined }, data]];
  for (const messages of [...wrong, [targetMessage(name, 'a', -1)], [targetMessage(name, '', 0)]])
    assert.equal((await write(...messages)).reason, 'INVALID_FIELD');
  for (const other of ['', 'uploads', 'uploads/', `${name}/`, `uploads/../${name}`, name.toUpperCase(), 'runs/1'])
    assert.equal((await write(targetMessage(other, 'a', 0))).reason, 'RESOURCE_NOT_FOUND');
  const bytes = service.writeArtifact.requestSerialize(target);
  const malformed = callRaw(server.client, service.writeArtifact.path, [bytes, Buffer.from([0x12, 0xff, 0xff])]);
  assert.equal((await refusal(malformed)).reason, 'MALFORMED_MESSAGE');
  await callMethod(server.client, service.writeArtifact, [target, data]);
  await callMethod(server.client, service.finishUpload, [{ name }]);
  assert.deepEqual(server.log, []);
});
