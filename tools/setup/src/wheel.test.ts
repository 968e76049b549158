import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { removeAbandonedDownloads } from './download.ts';
import { ensureWheel, type FetchWheel, type Wheel } from './wheel.ts';

const CONTENT = Buffer.from('the bytes of a wheel');
const WHEEL: Wheel = {
  project: 'thing',
  version: '1.0',
  platforms: ['any'],
  digest: createHash('sha256').update(CONTENT).digest('hex'),
};

let cache = '';
const previous = process.env['PEMMICAN_CACHE_DIR'];
before(async () => {
  cache = await mkdtemp(path.join(tmpdir(), 'pemmican-wheel-'));
  process.env['PEMMICAN_CACHE_DIR'] = cache;
});
after(async () => {
  if (previous === undefined) delete process.env['PEMMICAN_CACHE_DIR'];
  else process.env['PEMMICAN_CACHE_DIR'] = previous;
  await rm(cache, { recursive: true });
});
beforeEach(() => rm(path.join(cache, 'downloads'), { recursive: true, force: true }));

/** A stand-in for the package index: serves the given files one after another. */
function serving(...contents: readonly Uint8Array[]): { fetch: FetchWheel; calls: boolean[] } {
  const calls: boolean[] = [];
  const fetch: FetchWheel = async (_wheel, folder, isCacheAllowed) => {
    const content = contents[calls.length];
    calls.push(isCacheAllowed);
    if (content === undefined) throw new Error('Asked for more downloads than expected');
    await writeFile(path.join(folder, 'thing-1.0-py3-none-any.whl'), content);
  };
  return { fetch, calls };
}

test('ensureWheel downloads once and then finds the file in the cache', async () => {
  const { fetch, calls } = serving(CONTENT);
  const file = await ensureWheel(WHEEL, { fetch });
  assert.deepEqual(await readFile(file), CONTENT);
  assert.equal(await ensureWheel(WHEEL, { fetch }), file);
  assert.deepEqual(calls, [true]);
});

test('ensureWheel refuses a file with another digest, twice, and leaves nothing behind', async () => {
  const { fetch, calls } = serving(Buffer.from('evil'), Buffer.from('evil'));
  await assert.rejects(ensureWheel(WHEEL, { fetch }), (error: Error) => {
    assert.equal((error as Error & { code: string }).code, 'DIGEST_MISMATCH');
    assert.ok(error.message.includes(WHEEL.digest));
    assert.ok(error.message.includes(createHash('sha256').update('evil').digest('hex')));
    return true;
  });
  assert.deepEqual(calls, [true, false]);
  assert.deepEqual(await readdir(path.join(cache, 'downloads')), []);
});

test('ensureWheel downloads a cut-off file again, past the cache of pip', async () => {
  const { fetch, calls } = serving(CONTENT.subarray(0, 5), CONTENT);
  assert.deepEqual(await readFile(await ensureWheel(WHEEL, { fetch })), CONTENT);
  assert.deepEqual(calls, [true, false]);
});

test('ensureWheel replaces a file that was damaged in the cache', async () => {
  const { fetch, calls } = serving(CONTENT, CONTENT);
  const file = await ensureWheel(WHEEL, { fetch });
  await truncate(file, 5);
  const lines: string[] = [];
  await ensureWheel(WHEEL, { fetch, onProgress: (line) => lines.push(line) });
  assert.deepEqual(await readFile(file), CONTENT);
  assert.equal(calls.length, 2);
  assert.match(lines[0]!, /is damaged; downloading it again/);
});

test('ensureWheel says what pip said when the download fails', async () => {
  const python = process.env['PEMMICAN_PYTHON'];
  const fake = path.join(cache, 'python');
  const script = `#!/bin/sh
case "$*" in
  -c*) echo 3.11.0 ;;
  "-m pip --version") echo "pip 23.2 from here" ;;
  *) echo "ERROR: No matching distribution found for thing==1.0" >&2; exit 1 ;;
esac
`;
  await writeFile(fake, script, { mode: 0o755 });
  process.env['PEMMICAN_PYTHON'] = fake;
  try {
    await assert.rejects(ensureWheel(WHEEL), {
      code: 'DOWNLOAD_FAILED',
      message: 'pip could not download thing 1.0:\nERROR: No matching distribution found for thing==1.0',
    });
    process.env['PEMMICAN_PYTHON'] = path.join(cache, 'no-such-python');
    await assert.rejects(ensureWheel(WHEEL), { code: 'MISSING_TOOL', message: /apt-get install python3 python3-pip/ });
  } finally {
    if (python === undefined) delete process.env['PEMMICAN_PYTHON'];
    else process.env['PEMMICAN_PYTHON'] = python;
  }
  assert.deepEqual(await readdir(path.join(cache, 'downloads')), []);
});

test('ensureWheel refuses to begin a download that does not fit on the disk', async () => {
  await assert.rejects(ensureWheel({ ...WHEEL, sizeBytes: 1e18 }, serving(CONTENT)), {
    code: 'NO_SPACE',
    message: /takes 2000000000\.00 GB, .* free; make room or set PEMMICAN_CACHE_DIR/,
  });
});

test('removeAbandonedDownloads removes what a killed download left and keeps finished files', async () => {
  const file = await ensureWheel(WHEEL, serving(CONTENT));
  await mkdtemp(path.join(cache, 'downloads', '.partial-'));
  await removeAbandonedDownloads();
  assert.deepEqual(await readdir(path.join(cache, 'downloads')), [path.basename(file)]);
});
