import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireRoomForWeights } from './memory-budget.ts';

test('requireRoomForWeights refuses a budget that the weights alone do not fit, with both numbers', () => {
  // The embedding matrix and a bias of all-MiniLM-L6-v2, in float32.
  const shapes = [[30_522, 384], [384], []];
  const bytes = 4 * (30_522 * 384 + 384 + 1);
  requireRoomForWeights(shapes, 0);
  requireRoomForWeights(shapes, bytes);
  assert.throws(
    () => {
      requireRoomForWeights(shapes, bytes - 1);
    },
    {
      code: 'OUT_OF_MEMORY',
      message: `memory_budget_bytes is ${bytes - 1}, and the weights alone take ${bytes} bytes`,
    },
  );
});
