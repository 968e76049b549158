import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readArtifactSettings } from './settings.ts';

test('readArtifactSettings has defaults and names every variable that is wrong', () => {
  assert.deepEqual(readArtifactSettings({}), {
    maxArtifactBytes: 256 * 1024 ** 3,
    maxOpenUploads: 16,
    maxKeptUploads: 1000,
    expiryMs: 86_400_000,
    retentionMs: 7 * 86_400_000,
  });
  assert.throws(
    () => readArtifactSettings({ PEMMICAN_MAX_OPEN_UPLOADS: '0', PEMMICAN_UPLOAD_EXPIRY_HOURS: 'soon' }),
    /PEMMICAN_MAX_OPEN_UPLOADS: .*; PEMMICAN_UPLOAD_EXPIRY_HOURS: /,
  );
});
