import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROGRAMS } from './programs.ts';
import { bestPeers, goalLines, resultTable, savingTable, type StepResult } from './tables.ts';

function result(name: string, stepMs: number, peakMegabytes: number): StepResult {
  const program = PROGRAMS.find((each) => each.name === name);
  assert.ok(program !== undefined, name);
  return {
    model: 'tiny',
    shape: '2x4',
    program,
    vocabRows: program.arm === 'full' ? 1000 : 100,
    fullVocabSize: 1000,
    hiddenSize: 10_000,
    stepMs,
    peakBytes: peakMegabytes * 1e6,
    baseBytes: 0,
    plannedBytes: undefined,
    lastLoss: 0,
    isOtherLoss: false,
  };
}

const RESULTS = [
  result('pemmican, full', 90, 500),
  result('pemmican, reduced', 70, 350),
  result('pemmican, reduced, recomputing', 95, 280),
  result('PyTorch, full', 200, 700),
  result('PyTorch, reference PEMA', 100, 500),
  result('PyTorch, reference PEMA, recomputing', 130, 400),
  result('PEFT, trainable tokens', 150, 450),
];

test('bestPeers takes the fastest peer, and the smallest of those that do not recompute', () => {
  assert.deepEqual(bestPeers(RESULTS), { stepMs: 100, peakBytes: 450e6 });
});

test('bestPeers leaves out a peer that trains on another loss, which resultTable says', () => {
  const results = RESULTS.map((each) => ({ ...each, isOtherLoss: each.program.name.startsWith('PyTorch, reference') }));
  assert.deepEqual(bestPeers(results), { stepMs: 150, peakBytes: 450e6 });
  assert.match(resultTable(results).join('\n'), /\| PyTorch, reference PEMA \(another loss\) \|/);
});

test('resultTable gives shares of the best peers', () => {
  const [, , full, reduced] = resultTable(RESULTS);
  assert.equal(full, '| tiny | pemmican, full | 2x4 | 1000 | 90 | 500 | 0 |  | 0.90 | 1.11 |');
  assert.equal(reduced, '| tiny | pemmican, reduced | 2x4 | 100 | 70 | 350 | 0 |  | 0.70 | 0.78 |');
});

test('goalLines judges the reduced run, and counts what misses', () => {
  assert.deepEqual(goalLines(RESULTS), [
    '- Time of a step, of the fastest peer: at most 0.8 in 1 of 1 (tiny 2x4 0.70).',
    '- Peak memory, of the smallest peer: at most 0.8 in 1 of 1 (tiny 2x4 0.78).',
    '- Peak memory with recomputation, of the smallest peer without: at most 0.6 in 0 of 1 (tiny 2x4 0.62).',
  ]);
});

test('goalLines judges the full run where nothing can be left out', () => {
  const [time] = goalLines(RESULTS.filter(({ program }) => program.name !== 'pemmican, reduced'));
  assert.match(time ?? '', /at most 0.8 in 0 of 1 \(tiny 2x4 0.90\)/);
});

test('savingTable holds what was saved against 16 bytes a parameter', () => {
  // 900 rows of 10,000: 9 million parameters, 144 MB.
  const [, , ours, pytorch, peft] = savingTable(RESULTS);
  assert.equal(ours, '| tiny | pemmican, reduced | 2x4 | 9000000 | 144 | 150 | 104.2 % |');
  assert.equal(pytorch, '| tiny | PyTorch, reference PEMA | 2x4 | 9000000 | 144 | 200 | 138.9 % |');
  assert.equal(peft, '| tiny | PEFT, trainable tokens | 2x4 | 9000000 | 144 | 250 | 173.6 % |');
});
