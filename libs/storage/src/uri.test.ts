import assert from 'node:assert/strict';
import { test } from 'node:test';

import { artifactName, localPath, parseLocation } from './mod.ts';

test('parseLocation takes s3:// with a bucket and a key as it is written', () => {
  const cases = {
    's3://bucket': ['bucket', ''],
    's3://bucket/': ['bucket', ''],
    's3://my.bucket-1/a/b/': ['my.bucket-1', 'a/b'],
    's3://bucket/two words/Größe+%20?#.json': ['bucket', 'two words/Größe+%20?#.json'],
    's3://bucket/..a/b..': ['bucket', '..a/b..'],
  };
  for (const [uri, [bucket, key]] of Object.entries(cases))
    assert.deepEqual(parseLocation(uri), { kind: 's3', bucket, key }, uri);
  assert.equal(artifactName('s3://bucket/a/'), 's3://bucket/a');
  assert.equal(artifactName('file:///a/b'), '/a/b');
  assert.throws(() => artifactName('hf:owner/name'), { code: 'UNSUPPORTED_SCHEME' });
  assert.throws(() => localPath('s3://bucket/a'), { code: 'UNSUPPORTED_SCHEME' });
});

test('parseLocation refuses keys that a server or proxy would make others of, and what is no bucket', () => {
  const refused = [
    ...['s3:', 's3:bucket/a', 's3:/bucket/a', 's3:///a', 's3://B/a', 's3://Bucket/a', 's3://b_ucket/a', 's3://-b/a'],
    ...['a/../b', '..', '.', 'a/./b', 'a//b', '/a', 'a\nb', 'a\u007fb', '\ud800', `${'x'.repeat(1025)}`].map(
      (key) => `s3://bucket/${key}`,
    ),
  ];
  for (const uri of refused) assert.throws(() => parseLocation(uri), { code: 'INVALID_URI' }, JSON.stringify(uri));
});

test('errors repeat no credentials that stand in a URI', () => {
  const uris = [
    's3://AKIAKEY:sesame@bucket/key',
    's3://bucket/key?X-Amz-Signature=sesame&X-Amz-Credential=AKIAKEY',
    's3://Bucket/key?X-Amz-Signature=sesame&X-Amz-Credential=AKIAKEY',
    'https://host/key?X-Amz-Signature=sesame&X-Amz-Credential=AKIAKEY',
    'https://AKIAKEY:sesame@host/key',
  ];
  for (const uri of uris)
    assert.throws(
      () => parseLocation(uri),
      (error: Error & { path: string }) => !/AKIAKEY|sesame/.test(`${error.message} ${error.path}`),
      uri,
    );
});
