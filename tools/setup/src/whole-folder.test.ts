import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { isCurrent, type StampedFolder } from './stamp.ts';
import { makeWhole } from './whole-folder.ts';

let root = '';
const roots: string[] = [];
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'pemmican-whole-'));
  roots.push(root);
});
after(async () => {
  for (const each of roots) await rm(each, { recursive: true });
});

const target = (recipe = 'recipe 1'): StampedFolder => ({
  folder: path.join(root, 'made'),
  stampFile: path.join(root, 'stamps/made.json'),
  recipe,
});

function writing(content: string): (folder: string) => Promise<void> {
  return async (folder) => {
    await mkdir(path.join(folder, 'inner'));
    await writeFile(path.join(folder, 'inner/file'), content);
  };
}

const content = (): Promise<string> => readFile(path.join(root, 'made/inner/file'), 'utf8');

test('makeWhole makes a folder once and finds it current then', async () => {
  assert.equal(await isCurrent(target()), false);
  assert.equal(await makeWhole(target(), writing('one')), true);
  assert.equal(await isCurrent(target()), true);
  assert.equal(await makeWhole(target(), () => assert.fail('made again')), false);
  assert.equal(await content(), 'one');
});

test('makeWhole makes a folder again when its recipe changed, a file was cut off or its stamp is damaged', async () => {
  await makeWhole(target(), writing('one'));
  assert.equal(await makeWhole(target('recipe 2'), writing('two')), true);
  assert.equal(await content(), 'two');
  await truncate(path.join(root, 'made/inner/file'), 1);
  assert.equal(await makeWhole(target('recipe 2'), writing('three')), true);
  await writeFile(target().stampFile, '{"recipe":"recipe 2","fi');
  assert.equal(await makeWhole(target('recipe 2'), writing('four')), true);
  await rm(path.join(root, 'made'), { recursive: true });
  assert.equal(await makeWhole(target('recipe 2'), writing('five')), true);
  assert.equal(await content(), 'five');
  assert.deepEqual((await readdir(root)).sort(), ['made', 'stamps']);
});

test('makeWhole replaces a folder that somebody else put there', async () => {
  await writing('foreign')(await mkdir(path.join(root, 'made')).then(() => path.join(root, 'made')));
  assert.equal(await makeWhole(target(), writing('ours')), true);
  assert.equal(await content(), 'ours');
});

test('makeWhole keeps the old folder when the new one cannot be made', async () => {
  await makeWhole(target(), writing('old'));
  const failing = makeWhole(target('recipe 2'), async (folder) => {
    await writing('half')(folder);
    throw new Error('disk full');
  });
  await assert.rejects(failing, /disk full/);
  assert.equal(await isCurrent(target()), true);
  assert.equal(await content(), 'old');
  assert.deepEqual((await readdir(root)).sort(), ['made', 'stamps']);
});

test('makeWhole takes nothing that a killed process left for whole, and removes it', async () => {
  const script = `
    import { writeFile } from 'node:fs/promises';
    import { makeWhole } from ${JSON.stringify(path.join(import.meta.dirname, 'whole-folder.ts'))};
    await makeWhole(${JSON.stringify(target())}, async (folder) => {
      await writeFile(folder + '/half', 'half');
      process.stdout.write('half made');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal((await readdir(root)).filter((name) => name.startsWith('made.partial-')).length, 1);
  assert.equal(await isCurrent(target()), false);
  assert.equal(await makeWhole(target(), writing('whole')), true);
  assert.deepEqual((await readdir(root)).sort(), ['made', 'stamps']);
  assert.deepEqual(await readdir(path.join(root, 'made')), ['inner']);
});
