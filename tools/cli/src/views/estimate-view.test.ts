import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EstimateMemoryResponse } from '@pemmican/contract/trainer';
import { createColors } from 'picocolors';

import { renderEstimate } from './estimate-view.ts';

function table(trainedParameterCount: number): string {
  const response = EstimateMemoryResponse.fromPartial({
    full: { parameterCount: 3000, trainedParameterCount, memory: { gradientBytes: 1000 } },
    reduced: { parameterCount: 2000, trainedParameterCount: 500, memory: { gradientBytes: 250 } },
  });
  return renderEstimate(response, 0, createColors(false)).replace(/ {2,}/g, ' ');
}

test('renderEstimate tells how many parameters are trained where some are frozen', () => {
  assert.match(table(1500), /parameters\S* 3,000 2,000\s+of them, trained 1,500 500/);
  assert.ok(!table(3000).includes('of them, trained'));
  // What a service without that field tells.
  assert.ok(!table(0).includes('of them, trained'));
});

test('renderEstimate says which rows of a language model can be left out, and that a restricted softmax is another loss', () => {
  const full = { parameterCount: 3000, memory: { peakBytes: 1000 } };
  const text = (isReduced: boolean, options: Parameters<typeof renderEstimate>[3]): string => {
    const reduced = isReduced ? { reduced: { parameterCount: 2000, memory: { peakBytes: 500 } } } : {};
    return renderEstimate(EstimateMemoryResponse.fromPartial({ full, ...reduced }), 0, createColors(false), options);
  };
  assert.match(text(false, { task: 'causal-lm' }), /where its matrices are tied it reads every embedding row/);
  assert.match(
    text(true, { task: 'causal-lm' }),
    /output matrix keeps every row, and only rows of the embedding matrix/,
  );
  assert.match(text(true, { task: 'masked-lm', restrictedSoftmax: true }), /over the kept rows only: ANOTHER LOSS/);
  assert.ok(!/loss/i.test(text(true, { task: 'sequence-classification' })));
});

test('renderEstimate has a line for the other devices of a step on several, and says that nobody measured them', () => {
  const plan = (peakBytes: number, otherPeakBytes?: number): object => ({
    parameterCount: 3000,
    memory: { peakBytes },
    ...(otherPeakBytes === undefined ? {} : { otherDeviceMemory: { peakBytes: otherPeakBytes } }),
  });
  const text = (...others: number[]): string => {
    const response = EstimateMemoryResponse.fromPartial({
      full: plan(8000, others[0]),
      reduced: plan(4000, others[1]),
    });
    return renderEstimate(response, 0, createColors(false)).replace(/ {2,}/g, ' ');
  };
  assert.match(text(2000, 1500), /peak of each other device 2.00 kB 1.50 kB 25.0 %/);
  assert.match(text(2000, 1500), /planned, not measured/);
  assert.ok(!/device/.test(text()));
});
