import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { readConfig } from './config.ts';

test('readConfig has a default for every variable and freezes what it read', () => {
  const config = readConfig({});
  assert.match(config.listen, /^127\.0\.0\.1:\d+$/);
  assert.equal(config.logLevel, 'info');
  assert.deepEqual(config.counting, { threadCount: availableParallelism(), memoBytes: 256 * 1024 ** 2 });
  assert.ok(Object.isFrozen(config));
});

test('readConfig reads numbers and makes folders absolute', () => {
  const config = readConfig({
    PEMMICAN_MAX_CONCURRENT_JOBS: '3',
    PEMMICAN_COUNTING_THREADS: '5',
    PEMMICAN_COUNTING_MEMO_BYTES: '1048576',
    PEMMICAN_STATE_DIRECTORY: 'state',
    HF_TOKEN: 'secret',
  });
  assert.equal(config.maxConcurrentJobs, 3);
  assert.deepEqual(config.counting, { threadCount: 5, memoBytes: 1048576 });
  assert.ok(config.stateDirectory.startsWith('/') && config.stateDirectory.endsWith('/state'));
  assert.equal(config.hub.accessToken, 'secret');
});

test('readConfig names every variable that is wrong and shows no secret', () => {
  assert.throws(
    () => readConfig({ PEMMICAN_MAX_QUEUED_JOBS: 'many', PEMMICAN_LOG_LEVEL: 'loud', HF_TOKEN: 'secret' }),
    (error: Error) => {
      assert.match(error.message, /PEMMICAN_MAX_QUEUED_JOBS.*PEMMICAN_LOG_LEVEL/);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    },
  );
});
