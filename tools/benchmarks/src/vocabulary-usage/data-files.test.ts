import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { writeDataFiles } from './data-files.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pemmican-data-files-'));
});
after(() => rm(folder, { recursive: true }));

test('writeDataFiles writes one record a line and says what they hold', async () => {
  const data = writeDataFiles(
    folder,
    { name: 'pairs' },
    {
      train: [{ text: 'é', text_pair: 'line\nbreak', label: 'x' }],
      validation: [{ text: 'b', label: 'y' }],
    },
  );
  assert.equal(await readFile(data.files.train, 'utf8'), '{"text":"é","text_pair":"line\\nbreak","label":"x"}\n');
  assert.deepEqual(
    [data.isOfPairs, data.isOfWords, data.textBytes, data.recordCounts],
    [true, false, 13, { train: 1, validation: 1 }],
  );
  assert.deepEqual((await readdir(path.join(folder, 'pairs'))).sort(), ['train.jsonl', 'validation.jsonl']);
});

test('writeDataFiles refuses a data set without records before it writes that split', async () => {
  const splits = { train: [{ text: 'a', label: 'x' }], validation: [] };
  assert.throws(
    () => writeDataFiles(folder, { name: 'half' }, splits),
    /^Error: half: there is no record for validation$/,
  );
});
