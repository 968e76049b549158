import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { SetupError } from '../error.ts';
import { readCharsmap } from './charsmap.ts';
import { convertE5 } from './convert.ts';

const FIXTURE = path.resolve(import.meta.dirname, '../../fixtures/tiny-e5/model.e5s1');
// Where things lie in the fixture; see tools/oracles/src/e5/make_tiny_e5.py.
const HIDDEN_SIZE = 8;
const BLOCK_LENGTH = 8 + 8 * 4;
const PIECE_COUNT = 44;
const PIECE_OFFSETS = PIECE_COUNT + 5 * 4 + 8;

let root = '';
let original: Buffer<ArrayBuffer>;
before(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'pemmican-e5-'));
  original = await readFile(FIXTURE);
});
after(async () => rm(root, { recursive: true }));

async function assertRefused(bytes: Uint8Array, pattern: RegExp): Promise<void> {
  const file = path.join(root, 'blob');
  await writeFile(file, bytes);
  const folder = await mkdtemp(path.join(root, 'out-'));
  await assert.rejects(convertE5(file, new Uint8Array(), folder), (error) => {
    assert.ok(error instanceof SetupError, String(error));
    assert.equal(error.code, 'MALFORMED');
    assert.match(error.message, pattern);
    return true;
  });
}

function changed(change: (view: DataView<ArrayBuffer>, bytes: Buffer<ArrayBuffer>) => void): Uint8Array {
  const bytes = Buffer.from(original);
  change(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes);
  return bytes;
}

test('convertE5 refuses a file of another kind', () =>
  assertRefused(Buffer.from('PK\x03\x04 and so on'), /begins with "PK/));

test('convertE5 refuses an empty file', () => assertRefused(new Uint8Array(), /outside of the file's 0/));

test('convertE5 refuses a file cut off anywhere in its head', async () => {
  for (const length of [6, 30, PIECE_OFFSETS + 3, 200, 250]) {
    await assertRefused(original.subarray(0, length), /outside of the file's/);
  }
});

test('convertE5 refuses a file cut off in its tensors', () =>
  assertRefused(original.subarray(0, original.length - 1), /ends past the end of the file/));

test('convertE5 refuses absurd and negative sizes', async () => {
  await assertRefused(
    changed((view) => view.setInt32(HIDDEN_SIZE, 2_000_000_000, true)),
    /hidden size is 2000000000, outside of 1 to/,
  );
  await assertRefused(
    changed((view) => view.setInt32(PIECE_COUNT, -1, true)),
    /piece count is -1/,
  );
});

test('convertE5 refuses another block length', () =>
  assertRefused(
    changed((view) => view.setInt32(BLOCK_LENGTH, 64, true)),
    /blocks have 64 weights/,
  ));

test('convertE5 refuses a piece outside of the pieces', () =>
  assertRefused(
    changed((view) => view.setUint32(PIECE_OFFSETS + 4, 1_000_000, true)),
    /piece 0 lies at 0 to 1000000/,
  ));

test('convertE5 refuses a piece that is not UTF-8', () =>
  assertRefused(
    changed((_view, bytes) => bytes.fill(0xff, bytes.indexOf('<unk>'), bytes.indexOf('<unk>') + 1)),
    /piece 3 is not UTF-8/,
  ));

test('convertE5 refuses a special token that is no piece', () =>
  assertRefused(
    changed((view) => view.setInt32(PIECE_COUNT + 4, 99, true)),
    /special token 99/,
  ));

test('convertE5 refuses a model whose tensors are not those of its sizes', () =>
  assertRefused(
    changed((view) => view.setInt32(HIDDEN_SIZE, 64, true)),
    /tensor "emb\.|emb\.type/,
  ));

test('convertE5 names a tensor that is missing', () =>
  assertRefused(
    changed((_view, bytes) => bytes.write('emb.wOrd', bytes.indexOf('emb.word'), 'latin1')),
    /no tensor "emb\.word"/,
  ));

test('readCharsmap refuses a library that has something else there', async () => {
  await assert.rejects(readCharsmap(FIXTURE), { name: 'SetupError', code: 'MALFORMED' });
});
