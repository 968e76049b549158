import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { bytesFile, MemoryFolder, MemorySource, rawFile } from '../test/memory.ts';
import { Checkpoint, readHeader, type SafetensorsErrorCode } from './mod.ts';

interface MalformedCase {
  readonly name: string;
  readonly file: string;
  readonly referenceError: string | null;
}

// What safetensors/src/tensor.rs prints for each variant of its error enum.
const REFERENCE_TEXTS: readonly (readonly [string, SafetensorsErrorCode])[] = [
  ['header too small', 'HeaderTooSmall'],
  ['header too large', 'HeaderTooLarge'],
  ['invalid header length', 'InvalidHeaderLength'],
  ['invalid UTF-8 in header', 'InvalidHeader'],
  ['invalid JSON in header', 'InvalidHeaderDeserialization'],
  ['invalid offset for tensor', 'InvalidOffset'],
  ['invalid shape, data type, or offset', 'TensorInvalidInfo'],
  ['incomplete metadata', 'MetadataIncompleteBuffer'],
  ['overflow computing buffer size', 'ValidationOverflow'],
  ['the slice does not end up at a byte boundary', 'MisalignedSlice'],
];

// Where we are stricter or say more than the reference implementation.
const OWN_CODES: Readonly<Record<string, SafetensorsErrorCode>> = {
  'header starts with a space': 'InvalidHeaderStart',
  'header starts with a bracket': 'InvalidHeaderStart',
  'header is empty': 'InvalidHeaderStart',
  'unknown dtype': 'UnsupportedDtype',
};

const cases = JSON.parse(
  readFileSync(new URL('../fixtures/malformed.json', import.meta.url), 'utf8'),
) as MalformedCase[];

for (const { name, file, referenceError } of cases) {
  test(`readHeader refuses what the reference implementation refuses, with its error: ${name}`, async () => {
    const bytes = Uint8Array.from(atob(file), (character) => character.charCodeAt(0));
    const code = OWN_CODES[name] ?? REFERENCE_TEXTS.find(([text]) => referenceError?.includes(text) === true)?.[1];
    assert.ok(code, `no code for ${String(referenceError)}`);
    await assert.rejects(readHeader(new MemorySource('bad.safetensors', bytes)), (error: Error & { code?: string }) => {
      assert.equal(error.name, 'SafetensorsError');
      assert.equal(error.code, code, error.message);
      assert.match(error.message, /^bad\.safetensors: /);
      return true;
    });
  });
}

async function refuses(file: Uint8Array, code: SafetensorsErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(readHeader(new MemorySource('bad.safetensors', file)), { code, message });
}

test('readHeader says the value and the limit', async () => {
  await refuses(
    rawFile('{}', 0, 100_000_001n),
    'HeaderTooLarge',
    /header of 100000001 bytes is over the limit of 100000000/,
  );
  await refuses(rawFile('{}', 0, 18_446_744_073_709_551_615n), 'HeaderTooLarge', /18446744073709551615/);
  await refuses(rawFile('{}', 0, 3n), 'InvalidHeaderLength', /header of 3 bytes is longer than the file of 10 bytes/);
  const cut = bytesFile({ a: [1, 2, 3], b: [4, 5] }).subarray(0, -1);
  await refuses(cut, 'MetadataIncompleteBuffer', /tensors end at byte \d+, the file has \d+: the file is cut off/);
});

test('readHeader refuses keys that come twice, however they are spelt', async () => {
  const tensor = '{"dtype":"U8","shape":[1],"data_offsets":[0,1]}';
  await refuses(rawFile(`{"a":${tensor},"a":${tensor}}`, 1), 'InvalidHeaderDeserialization', /has the key "a" twice/);
  await refuses(
    rawFile(`{"a":${tensor},"\\u0061" :${tensor}}`, 1),
    'InvalidHeaderDeserialization',
    /has the key "a" twice/,
  );
  await refuses(rawFile('{"__metadata__":{"k":"1","k":"2"}}'), 'InvalidHeaderDeserialization', /has the key "k" twice/);
  await refuses(
    rawFile(`{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}`, 1),
    'InvalidHeaderDeserialization',
    /"shape" twice/,
  );
});

test('readHeader takes equal texts that are not keys of one object', async () => {
  const tensor = (start: number): string => `{"dtype":"U8","shape":[1],"data_offsets":[${start},${start + 1}]}`;
  const text = `{"__metadata__":{"a":"a","b\\"":"{\\"a\\":1,\\"a\\":2}"},"a":${tensor(0)},"b":${tensor(1)}}`;
  const { tensors, metadata } = await readHeader(new MemorySource('good', rawFile(text, 2)));
  assert.deepEqual(
    tensors.map(({ name }) => name),
    ['a', 'b'],
  );
  assert.deepEqual(metadata, { a: 'a', 'b"': '{"a":1,"a":2}' });
});

test('readHeader takes names that JavaScript treats specially', async () => {
  const names = ['__proto__', 'constructor', '10', '2', ''];
  const text = names
    .map((name, index) => `${JSON.stringify(name)}:{"dtype":"U8","shape":[],"data_offsets":[${index},${index + 1}]}`)
    .join(',');
  const { tensors } = await readHeader(new MemorySource('good', rawFile(`{${text}}`, 5)));
  assert.deepEqual(
    tensors.map(({ name }) => name),
    names,
  );
});

test('readHeader bounds the number of dimensions', async () => {
  const shape = JSON.stringify(Array.from({ length: 65 }, () => 1));
  await refuses(
    rawFile(`{"a":{"dtype":"U8","shape":${shape},"data_offsets":[0,1]}}`, 1),
    'TensorInvalidInfo',
    /65 dimensions are over the limit of 64/,
  );
});

test('readHeader never fails otherwise than with a SafetensorsError, whatever byte is changed', async () => {
  const good = bytesFile({ a: [1, 2, 3], 'b.weight': [4, 5] }, { format: 'pt' });
  for (let position = 0; position < good.length - 5; position++) {
    for (const flip of [1, 2, 4, 8, 16, 32, 64, 128]) {
      const file = good.slice();
      file[position] = (file[position] ?? 0) ^ flip;
      await readHeader(new MemorySource('flipped', file)).catch((error: unknown) => {
        assert.equal((error as Error).name, 'SafetensorsError', `byte ${position}, bit ${flip}: ${String(error)}`);
      });
    }
  }
});

const encode = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const INDEX = 'model.safetensors.index.json';

async function refusesFolder(
  files: Record<string, Uint8Array>,
  code: SafetensorsErrorCode,
  message: RegExp,
): Promise<void> {
  const folder = new MemoryFolder(files);
  await assert.rejects(Checkpoint.open(folder), { name: 'SafetensorsError', code, message });
  assert.deepEqual(
    folder.opened.filter(({ isClosed }) => !isClosed),
    [],
    'a file was left open',
  );
}

test('Checkpoint.open refuses an index that is broken, too large, or leads out of the folder', async () => {
  await refusesFolder(
    {},
    'MissingFile',
    /folder: there is neither model\.safetensors nor model\.safetensors\.index\.json/,
  );
  await refusesFolder({ [INDEX]: encode('{') }, 'InvalidIndex', /is not valid JSON/);
  await refusesFolder({ [INDEX]: encode({}) }, 'InvalidIndex', /has no "weight_map" object/);
  await refusesFolder({ [INDEX]: encode({ weight_map: [] }) }, 'InvalidIndex', /has no "weight_map" object/);
  await refusesFolder({ [INDEX]: encode({ weight_map: {} }) }, 'InvalidIndex', /"weight_map" is empty/);
  for (const shard of [
    '../x.safetensors',
    '/etc/x.safetensors',
    'a/../../x.safetensors',
    'x.bin',
    '',
    5,
    null,
    'a\0.safetensors',
    '..safetensors',
  ]) {
    await refusesFolder({ [INDEX]: encode({ weight_map: { a: shard } }) }, 'InvalidIndex', /which is no shard name/);
  }
  const many = Object.fromEntries(Array.from({ length: 2001 }, (_, index) => [`t${index}`, `s${index}.safetensors`]));
  await refusesFolder(
    { [INDEX]: encode({ weight_map: many }) },
    'InvalidIndex',
    /2001 shards are over the limit of 2000/,
  );
  await refusesFolder(
    { [INDEX]: new Uint8Array(50_000_001) },
    'InvalidIndex',
    /50000001 bytes are over the limit of 50000000/,
  );
});

test('Checkpoint.open refuses shards that are missing, broken, lack a tensor or share one', async () => {
  const index = (weightMap: Record<string, string>): Uint8Array => encode({ weight_map: weightMap });
  const one = bytesFile({ a: [1] });
  const both = { a: 'one.safetensors', b: 'two.safetensors' };
  await refusesFolder(
    { [INDEX]: index(both), 'one.safetensors': one },
    'MissingFile',
    /names the shard "two\.safetensors", which is not there/,
  );
  await refusesFolder(
    { [INDEX]: index(both), 'one.safetensors': one, 'two.safetensors': one.subarray(0, 12) },
    'InvalidHeaderLength',
    /two/,
  );
  const files = { 'one.safetensors': one, 'two.safetensors': bytesFile({ c: [1] }) };
  await refusesFolder(
    { [INDEX]: index(both), ...files },
    'TensorNotFound',
    /tensor "b" is not in its shard "two\.safetensors"/,
  );
  const shared = { 'one.safetensors': one, 'two.safetensors': bytesFile({ a: [1], b: [2] }) };
  await refusesFolder({ [INDEX]: index(both), ...shared }, 'InvalidIndex', /tensor "a" is in two shards/);
  await refusesFolder({ 'model.safetensors': one.subarray(0, 9) }, 'InvalidHeaderLength', /model\.safetensors/);
});
