import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goalLines, goalOf } from './goals.ts';
import { newMeasurement, OURS, type Measurement } from './measurement.ts';
import { REFERENCE } from './peers.ts';

function measured(program: string, count: number[], encode: number[], differingRecordCount = 0): Measurement {
  const measurement = newMeasurement({ tokenizer: 'gpt2', corpus: 'english', program, threadCount: 1 });
  measurement.recordCount = 10;
  measurement.differingRecordCount = differingRecordCount;
  measurement.count.coldWall.push(...count);
  measurement.encode.coldWall.push(...encode);
  return measurement;
}

test('goalOf is lower for Gemma and Unigram when counting, and the same for all when encoding', () => {
  assert.deepEqual(
    ['gpt2', 'llama2', 'gemma3', 'gemini', 'multilingual-e5-small'].map((name) => goalOf(name, 'english', 'count')),
    [20, 20, 15, 15, 15],
  );
  assert.equal(goalOf('gemma3', 'languages', 'count'), 8);
  assert.equal(goalOf('gemma3', 'languages', 'encode'), 6);
  assert.equal(goalOf('gpt2', 'languages', 'count'), 10);
  assert.equal(goalOf('gpt2', 'english', 'encode'), 10);
});

test('goalLines judges medians, and only peers that are exact', () => {
  const lines = goalLines([
    measured(OURS, [10, 80, 90], [36, 38]),
    measured(REFERENCE, [4], [4]),
    measured('exact', [100], [200]),
    measured('inexact', [900], [900], 1),
  ]);
  assert.equal(lines[0], '- **Counting at least 20 times tokenizers, english, cold**: met in all 1.');
  assert.match(lines[1] ?? '', /fastest exact peer.*met in 0 of 1; missed by gpt2, 1 thread \(0\.80 of exact\)\.$/);
  assert.match(lines[2] ?? '', /Encoding at least 10 times.*missed by gpt2, 1 thread \(9\.3 x\)\.$/);
});

test('goalLines says where an id differs', () => {
  const lines = goalLines([measured(OURS, [80], [40], 3), measured(REFERENCE, [4], [4])]);
  assert.match(lines.at(-1) ?? '', /met in 0 of 2; missed by gpt2, 1 thread, english: 3/);
});
