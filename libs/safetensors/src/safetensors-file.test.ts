import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { bytesFile, MemoryFolder, MemorySink, MemorySource } from '../test/memory.ts';
import {
  Checkpoint,
  encodeHeader,
  entryOf,
  referenceOrder,
  SafetensorsFile,
  toFloat32,
  writeSafetensors,
  type TensorEntry,
} from './mod.ts';

// Written by the reference implementation from torch tensors of every dtype it has.
const reference = new Uint8Array(readFileSync(new URL('../fixtures/reference.safetensors', import.meta.url)));

test('SafetensorsFile.open reads only the header, and tensors when they are asked for', async () => {
  const source = new MemorySource('reference', reference);
  const file = await SafetensorsFile.open(source);
  assert.equal(source.readBytes, file.headerLengthBytes);
  assert.deepEqual(file.metadata, { format: 'pt' });
  assert.equal(file.tensors.size, 20);
  assert.deepEqual(file.get('z.f32').shape, [3, 5]);
  assert.deepEqual(
    [...(await file.read('u64'))],
    [0, 1, 2].flatMap((value) => [value, 0, 0, 0, 0, 0, 0, 0]),
  );
  assert.deepEqual([...toFloat32('F32', await file.read('scalar'))], [1.5]);
  assert.deepEqual([...(await file.read('bool'))], [1, 0]);
  assert.equal((await file.read('empty')).length, 0);
  assert.deepEqual([...toFloat32('F32', await file.read('ünïcode "quoted"'))], [1]);
});

test('readRange reads a part of a tensor and never a byte outside of it', async () => {
  const file = await SafetensorsFile.open(new MemorySource('file', bytesFile({ a: [1, 2, 3], b: [4, 5] })));
  const target = new Uint8Array(2);
  await file.readRange('a', 1, target);
  assert.deepEqual([...target], [2, 3]);
  await assert.rejects(file.readRange('a', 2, target), RangeError);
  await assert.rejects(file.readRange('b', -1, target), RangeError);
  await assert.rejects(file.read('c'), { code: 'TensorNotFound', message: 'file: there is no tensor "c"' });
});

test('writeSafetensors in the reference order gives the file of the reference implementation, byte for byte', async () => {
  const file = await SafetensorsFile.open(new MemorySource('reference', reference));
  const entries = await Promise.all(
    [...file.tensors.values()]
      .toReversed()
      .map(async ({ name, dtype, shape }) => entryOf(name, dtype, shape, await file.read(name))),
  );
  const sink = new MemorySink();
  await writeSafetensors(sink, referenceOrder(entries), file.metadata);
  assert.deepEqual(sink.bytes, reference);
});

test('writeSafetensors keeps the order given, and pads the header to 8 bytes', async () => {
  const sink = new MemorySink();
  await writeSafetensors(sink, [
    entryOf('10', 'U8', [1], Uint8Array.of(7)),
    entryOf('9', 'F32', [], new Uint8Array(4)),
    entryOf('__proto__', 'U8', [0], new Uint8Array()),
  ]);
  const file = await SafetensorsFile.open(new MemorySource('written', sink.bytes));
  assert.deepEqual([...file.tensors.keys()], ['10', '9', '__proto__']);
  assert.equal(file.get('10').offsetBytes, file.headerLengthBytes);
  assert.equal(file.headerLengthBytes % 8, 0);
  assert.equal(file.metadata, undefined);
});

test('writeSafetensors asks for one tensor after the other and checks that its bytes come, no more and no fewer', async () => {
  const entry = (name: string, sizes: readonly number[]): TensorEntry => ({
    name,
    dtype: 'F32',
    shape: [2],
    write: async (sink) => {
      for (const size of sizes) await sink.write(new Uint8Array(size));
    },
  });
  await writeSafetensors(new MemorySink(), [entry('good', [3, 5])]);
  await assert.rejects(writeSafetensors(new MemorySink(), [entry('short', [3, 4])]), {
    code: 'WrongLength',
    message: 'sink: tensor "short" takes 8 bytes, 7 came',
  });
  await assert.rejects(writeSafetensors(new MemorySink(), [entry('long', [8, 1])]), {
    code: 'WrongLength',
    message: /takes 8 bytes, more came/,
  });
});

test('encodeHeader refuses names given twice or reserved, and shapes that cannot be', () => {
  const tensor = (name: string, shape: number[], dtype: 'F32' | 'F4' = 'F32') => ({ name, dtype, shape });
  assert.throws(() => encodeHeader([tensor('a', [1]), tensor('a', [1])]), { code: 'InvalidTensorView' });
  assert.throws(() => encodeHeader([tensor('__metadata__', [1])]), { code: 'InvalidTensorView' });
  assert.throws(() => encodeHeader([tensor('a', [2 ** 60])]), { code: 'InvalidTensorView' });
  assert.throws(() => encodeHeader([tensor('a', [-1])]), { code: 'InvalidTensorView' });
  assert.throws(() => encodeHeader([tensor('a', [3], 'F4')]), { code: 'InvalidTensorView' });
});

test('Checkpoint.open gives one map of tensors over all shards', async () => {
  const index = {
    metadata: { total_size: 5 },
    weight_map: { a: 'model-00002-of-00002.safetensors', b: 'model-00001-of-00002.safetensors' },
  };
  const folder = new MemoryFolder({
    'model.safetensors.index.json': new TextEncoder().encode(JSON.stringify(index)),
    'model-00001-of-00002.safetensors': bytesFile({ b: [1, 2] }),
    'model-00002-of-00002.safetensors': bytesFile({ a: [3, 4, 5] }),
  });
  const checkpoint = await Checkpoint.open(folder);
  assert.deepEqual(checkpoint.tensorNames, ['b', 'a']);
  assert.deepEqual([...(await checkpoint.read('a'))], [3, 4, 5]);
  const target = new Uint8Array(1);
  await checkpoint.readRange('b', 1, target);
  assert.deepEqual([...target], [2]);
  assert.deepEqual(checkpoint.index, index);
  assert.equal(checkpoint.has('c'), false);
  assert.throws(() => checkpoint.get('c'), { code: 'TensorNotFound', message: 'folder: there is no tensor "c"' });
  assert.equal(checkpoint.sourceOf('a').name, 'folder/model-00002-of-00002.safetensors');
  await checkpoint.close();
  assert.ok(folder.opened.every(({ isClosed }) => isClosed));
});

test('Checkpoint.open prefers model.safetensors to an index', async () => {
  const checkpoint = await Checkpoint.open(
    new MemoryFolder({
      'model.safetensors': bytesFile({ a: [1] }),
      'model.safetensors.index.json': new TextEncoder().encode('{'),
    }),
  );
  assert.deepEqual(checkpoint.tensorNames, ['a']);
  assert.equal(checkpoint.index, undefined);
});
