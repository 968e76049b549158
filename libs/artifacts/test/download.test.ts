import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import {
  ArtifactKind,
  ArtifactServiceService as service,
  GetArtifactResponse,
  ListArtifactFilesResponse,
} from '@pemmican/contract/artifacts';
import { callMethod, refusalOf, type Failure } from '@pemmican/testkit';
import { digestOf, readFile, removeFolders, startArtifacts, temporaryFolders } from './harness.ts';

const folders = temporaryFolders();
const { root, work } = folders;
const server = await startArtifacts(folders);
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
const bytes = randomBytes(700_001);
mkdirSync(path.join(root, 'model/onnx'), { recursive: true });
mkdirSync(path.join(root, 'model/.git'));
writeFileSync(path.join(root, 'model/.git/HEAD'), 'x');
writeFileSync(path.join(root, 'model/onnx/model.bin'), bytes);
writeFileSync(path.join(root, 'model/empty'), '');
writeFileSync(path.join(root, 'model/config.json'), '{}');
mkdirSync(path.join(work, 'outside'));
writeFileSync(path.join(work, 'outside/secret'), 'secret');

async function artifact(artifactUri: string): Promise<GetArtifactResponse['artifact']> {
  const [answer] = await callMethod(server.client, service.getArtifact, [{ artifactUri }]);
  return GetArtifactResponse.decode(answer!).artifact;
}
async function list(artifactUri: string, pageSize = 0, pageToken = ''): Promise<ListArtifactFilesResponse> {
  const [answer] = await callMethod(server.client, service.listArtifactFiles, [{ artifactUri, pageSize, pageToken }]);
  return ListArtifactFilesResponse.decode(answer!);
}

test('GetArtifact says what is at a place', async () => {
  const place = path.join(root, 'model');
  assert.deepEqual(await artifact(place), {
    artifactUri: place,
    kind: ArtifactKind.FOLDER,
    fileCount: 3,
    totalSizeBytes: 700_003,
  });
  assert.deepEqual(await artifact(`file://${place}/config.json`), {
    artifactUri: `${place}/config.json`,
    kind: ArtifactKind.FILE,
    fileCount: 1,
    totalSizeBytes: 2,
  });
});

test('ListArtifactFiles gives pages by name', async () => {
  const place = path.join(root, 'model');
  const all = (await list(place)).files;
  assert.deepEqual(
    all.map(({ fileName, sizeBytes }) => [fileName, sizeBytes]),
    [['config.json', 2], ['empty', 0], ['onnx/model.bin', 700_001]],
  ); // prettier-ignore
  const first = await list(place, 2);
  const second = await list(place, 2, first.nextPageToken);
  assert.deepEqual([...first.files, ...second.files], all);
  assert.equal(second.nextPageToken, '');
  const exact = await list(place, 3);
  assert.equal(exact.nextPageToken, '');
  assert.equal((await refusal(list(root, 0, first.nextPageToken))).reason, 'INVALID_FIELD');
});

test('ReadArtifact streams a file from any offset, its size and digest first', async () => {
  const place = path.join(root, 'model');
  for (const offset of [0, 1, 262_144, 700_000, 700_001]) {
    const read = await readFile(server, place, 'onnx/model.bin', offset);
    assert.deepEqual(read.file, { fileName: 'onnx/model.bin', sizeBytes: 700_001, digest: digestOf(bytes) });
    assert.ok(read.bytes.equals(bytes.subarray(offset)));
    assert.equal(read.offsets[0] ?? offset, offset);
  }
  const empty = await readFile(server, path.join(place, 'empty'), '');
  assert.deepEqual(empty.file, { fileName: '', sizeBytes: 0, digest: digestOf(Buffer.alloc(0)) });
  const { code, reason } = await refusal(readFile(server, place, 'onnx/model.bin', 700_002));
  assert.deepEqual([code, reason], ['OUT_OF_RANGE', 'OFFSET_OUT_OF_RANGE']);
});

test('a file that changes while it is read is told as changed, and its new digest at the next read', async () => {
  const file = path.join(root, 'growing');
  writeFileSync(file, Buffer.alloc(20_000_000));
  const call = server.client.readArtifact({ artifactUri: file, fileName: '', offset: 0 });
  const told = refusalOf(
    await (async () => {
      try {
        // The server has read ahead some of 20 MB and waits for its client.
        for await (const { offset } of call as AsyncIterable<{ offset: number }>)
          if (offset === 262_144) appendFileSync(file, 'x');
        return assert.fail('It was not refused');
      } catch (error) {
        return error;
      }
    })(),
  );
  assert.deepEqual([told.code, told.reason], ['FAILED_PRECONDITION', 'CHANGED_WHILE_READ']);
  const again = await readFile(server, file, '');
  assert.equal(again.file?.digest, digestOf(again.bytes));
  assert.equal(again.bytes.length, 20_000_001);
});

test('links that lead out of the roots are refused wherever they are met', async () => {
  symlinkSync(path.join(work, 'outside'), path.join(root, 'way-out'));
  mkdirSync(path.join(root, 'linked'));
  symlinkSync(path.join(root, 'model/config.json'), path.join(root, 'linked/inside.json'));
  assert.deepEqual((await readFile(server, path.join(root, 'linked'), 'inside.json')).bytes.toString(), '{}');
  symlinkSync(path.join(work, 'outside/secret'), path.join(root, 'linked/secret'));
  const reads = [
    readFile(server, path.join(root, 'way-out'), 'secret'),
    readFile(server, path.join(root, 'linked'), 'secret'),
    readFile(server, path.join(work, 'outside'), 'secret'),
    list(path.join(root, 'way-out')),
    list(path.join(root, 'linked')),
    artifact(path.join(root, 'linked')),
    artifact('/etc/passwd'),
  ];
  for (const told of await Promise.all(reads.map(refusal)))
    assert.deepEqual([told.code, told.reason], ['PERMISSION_DENIED', 'OUTSIDE_ROOTS']);
  for (const fileName of ['../outside/secret', '/etc/passwd', 'onnx/../../outside/secret', './config.json', 'a\0b'])
    assert.equal((await refusal(readFile(server, path.join(root, 'model'), fileName))).reason, 'INVALID_FIELD');
});
