import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engineEnvironment } from './environment.ts';

test('engineEnvironment sets no memory limit without a budget', () => {
  for (const options of [{}, { memoryBudgetBytes: 0 }]) {
    assert.equal(engineEnvironment(options)['TF_CPU_BFC_MEM_LIMIT_IN_MB'], undefined);
    assert.equal(engineEnvironment(options)['TF_CPU_ALLOCATOR_USE_BFC'], undefined);
  }
});

test('engineEnvironment turns a budget into whole MiB, rounded down', () => {
  const environment = engineEnvironment({ memoryBudgetBytes: 10 * 2 ** 20 + 5 });
  assert.equal(environment['TF_CPU_ALLOCATOR_USE_BFC'], '1');
  assert.equal(environment['TF_CPU_BFC_MEM_LIMIT_IN_MB'], '10');
  assert.equal(engineEnvironment({ memoryBudgetBytes: 1 })['TF_CPU_BFC_MEM_LIMIT_IN_MB'], '1');
});

test('engineEnvironment asks for deterministic ops and the given threads', () => {
  const environment = engineEnvironment({ intraOpThreadCount: 2 });
  assert.equal(environment['TF_DETERMINISTIC_OPS'], '1');
  assert.equal(environment['TF_NUM_INTRAOP_THREADS'], '2');
});

test('engineEnvironment keeps float32 products in float32 on GPUs', () => {
  assert.equal(engineEnvironment()['NVIDIA_TF32_OVERRIDE'], '0');
});
