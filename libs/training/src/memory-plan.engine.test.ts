import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { LiveMemory } from '../test/live-memory.ts';
import { MEMORY_CASES, measureCase } from '../test/memory-cases.ts';

// What a user is told is to be a bound, and a close one.
const MAX_EXCESS = 0.05;
// Nothing holds the engine to the plan's order in an evaluation; see `TrainingProgram.planEvaluation`.
const MAX_SHORTFALL_OF_EVALUATION = 0.1;
// Without a backward pass the engine puts GELU and its bias into the matrix product before them, and makes no tensors for
// their steps: 6 to 8 % of the whole here, as the threads happen to go, which the plan has.
const MAX_EXCESS_OF_EVALUATION = 0.1;

for (const one of MEMORY_CASES) {
  const { name, isEvaluation = false } = one;
  test(
    `${isEvaluation ? 'planEvaluation is close to' : 'planStep is a close bound of'} what TensorFlow keeps alive: ${name}`,
    { timeout: 300_000 },
    (t) => {
      const { liveBytes, plan, otherDevice } = measureCase(one);
      t.diagnostic(`planned ${plan.peakBytes} bytes, live at most ${liveBytes}`);
      // Weights and both moments alone: a log that was not read would show less.
      assert.ok(liveBytes > plan.weightBytes + plan.optimizerBytes, `${liveBytes} bytes are too few`);
      if (otherDevice !== undefined) {
        assertIsBoundWithCopies(t, { liveBytes, plan }, plan.weightBytes);
        assertIsBoundWithCopies(t, otherDevice, plan.weightBytes);
        return;
      }
      const share = isEvaluation ? 1 - MAX_SHORTFALL_OF_EVALUATION : 1;
      const excess = isEvaluation ? MAX_EXCESS_OF_EVALUATION : MAX_EXCESS;
      assert.ok(plan.peakBytes >= share * liveBytes, `planned ${plan.peakBytes}, live ${liveBytes}`);
      assert.ok(plan.peakBytes <= (1 + excess) * liveBytes, `planned ${plan.peakBytes}, live ${liveBytes}`);
    },
  );
}

/**
 * Devices of a CPU share their memory: what one sends to another (weights there, gradients back) is the same bytes, where each GPU has to hold a copy. The
 * plan counts copies.
 */
function assertIsBoundWithCopies(t: TestContext, { liveBytes, plan }: LiveMemory, copiedBytes: number): void {
  t.diagnostic(`a device: planned ${plan.peakBytes} bytes, live at most ${liveBytes}`);
  assert.ok(plan.peakBytes >= liveBytes, `planned ${plan.peakBytes}, live ${liveBytes}`);
  assert.ok(
    plan.peakBytes <= (1 + MAX_EXCESS) * liveBytes + copiedBytes,
    `planned ${plan.peakBytes}, live ${liveBytes}`,
  );
}
