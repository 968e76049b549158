import assert from 'node:assert/strict';
import { test } from 'node:test';
import { functionNames } from './engine-names.ts';

const text = (value: string): number[] => [value.length, ...Buffer.from(value)];

test('functionNames reads names by index, past sections and parts of other kinds', () => {
  const functions = [2, 4, ...text('assembly/scan/scan'), 0x81, 1, ...text('other')];
  const parts = [0, 2, ...text('m'), 1, functions.length, ...functions];
  const custom = [...text('name'), ...parts];
  const module = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 1, 0, 0, custom.length, ...custom);
  assert.deepEqual(
    [...functionNames(module)],
    [
      [4, 'scan/scan'],
      [129, 'other'],
    ],
  );
});
