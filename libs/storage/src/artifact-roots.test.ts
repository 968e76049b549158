import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ArtifactRoots } from './artifact-roots.ts';

const work = realpathSync(mkdtempSync(path.join(tmpdir(), 'pemmican-roots-')));
after(() => {
  rmSync(work, { recursive: true });
});
const at = (...parts: string[]): string => path.join(work, ...parts);
for (const folder of ['models/tiny', 'data', 'models-of-others', 'secret']) mkdirSync(at(folder), { recursive: true });
writeFileSync(at('secret/key'), '');
writeFileSync(at('data/file'), '');
symlinkSync(at('secret/key'), at('data/link-to-key'));
symlinkSync(at('secret'), at('models/way-out'));
symlinkSync(at('nowhere/at-all'), at('models/to-nothing'));
symlinkSync(at('data'), at('models/to-data'));
const roots = ArtifactRoots.parse(`${at('models')}:${at('data')}`);

const allows = (request: unknown): boolean => {
  try {
    roots.checkRequest(request);
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'OUTSIDE_ROOTS');
    return false;
  }
};

test('ArtifactRoots lets through what is below a root, there or not there yet', () => {
  for (const uri of [
    at('models'),
    at('models/tiny'),
    at('models/new/folder'),
    at('models/to-data/train.jsonl'),
    `${at('models')}/tiny/../other`,
    // What cannot be there is told by name to whoever opens it.
    at('data', 'x'.repeat(300)),
    at('data/file/below'),
    pathToFileURL(at('data/train.jsonl')).href,
    'hf:owner/name',
    '',
  ])
    assert.equal(allows({ modelUri: uri }), true, uri);
});

test('ArtifactRoots refuses what is beside a root, above it, or behind a link', () => {
  for (const uri of [
    '/',
    '/etc/passwd',
    at('models-of-others/tiny'),
    `${at('models')}/../secret/key`,
    at('models/way-out'),
    at('models/way-out/key'),
    at('models/way-out/new'),
    // Whoever makes what it leads to decides later where a file comes out.
    at('models/to-nothing'),
    at('models/to-nothing/new'),
    at('data/link-to-key/below'),
    at('secret', 'x'.repeat(300)),
    'relative/folder',
    pathToFileURL(at('secret/key')).href,
    `file://${at('models')}/%2e%2e/secret/key`,
  ])
    assert.equal(allows({ modelUri: uri }), false, uri);
});

test('ArtifactRoots takes a word of a field for what it is', () => {
  assert.equal(allows({ resumeFromCheckpoint: 'latest' }), true);
  // Elsewhere it is a path.
  assert.equal(allows({ modelUri: 'latest' }), false);
  assert.equal(allows({ resumeFromCheckpoint: 'latest/checkpoint-1' }), false);
});

test('ArtifactRoots finds a path in every field of a request that may hold one', () => {
  const bad = at('secret/key');
  for (const request of [
    { spec: { dataset: { files: [{ uri: at('data/train.jsonl') }, { uri: bad }] } } },
    { profileUris: [at('data/one'), bad] },
    { vocabulary: { $case: 'profileUri', value: bad } },
    { spec: { operation: { $case: 'reduce', value: { outputUri: bad } } } },
    { resumeFromCheckpoint: bad },
  ])
    assert.equal(allows(request), false, JSON.stringify(request));
  for (const request of [
    { name: bad },
    { vocabulary: { $case: 'keptTokenIds', value: { ids: [1, 2] } } },
    { spec: { options: { freeze: [bad] } } },
    { chunk: new Uint8Array(4) },
    undefined,
  ])
    assert.equal(allows(request), true, JSON.stringify(request));
});

test('ArtifactRoots without roots lets everything through, and refuses a root that is not there', () => {
  for (const list of [undefined, '', ':']) ArtifactRoots.parse(list).checkRequest({ modelUri: '/etc/passwd' });
  assert.throws(() => ArtifactRoots.parse(at('none')), { code: 'NOT_FOUND' });
});

test('buckets are allowed below the prefixes that roots name, and none where they name folders alone', () => {
  const check = (list: string, uri: string): void => ArtifactRoots.parse(list).checkRequest({ modelUri: uri });
  const outside = { code: 'OUTSIDE_ROOTS', message: /is not below a bucket or prefix that this service may use$/ };
  const both = `${tmpdir()}:s3://bucket/team-a:s3://whole`;
  for (const uri of ['s3://bucket/team-a', 's3://bucket/team-a/model', 's3://whole', 's3://whole/x', tmpdir()])
    check(both, uri);
  for (const uri of ['s3://bucket', 's3://bucket/team-ab', 's3://bucket/team', 's3://other/team-a', 's3://whole-not/x'])
    assert.throws(() => check(both, uri), outside, uri);
  assert.throws(() => check(both, '/etc'), { code: 'OUTSIDE_ROOTS' });
  assert.throws(() => check(tmpdir(), 's3://bucket/x'), outside);
  assert.throws(() => check('s3://bucket', tmpdir()), { code: 'OUTSIDE_ROOTS' });
  check('', 's3://bucket/x');
  // What has .. in it is no URI, which the request's own validation says.
  check(both, 's3://bucket/team-a/../team-b');
  assert.throws(() => ArtifactRoots.parse('s3://Not_A_Bucket'), { code: 'INVALID_URI' });
});
