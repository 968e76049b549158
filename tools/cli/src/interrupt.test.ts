import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Interrupt } from './interrupt.ts';

test('Interrupt aborts at the first Ctrl-C, takes one press that comes twice as one, and exits at the second', () => {
  const exits: number[] = [];
  let now = 0;
  let cleaned = 0;
  const interrupt = new Interrupt(
    (code) => exits.push(code),
    () => now,
  );
  interrupt.beforeExit(() => (cleaned += 1));
  interrupt.trigger();
  assert.ok(interrupt.signal.aborted);
  now = 50;
  interrupt.trigger();
  assert.deepEqual(exits, []);
  now = 900;
  interrupt.trigger();
  assert.deepEqual(exits, [130]);
  assert.equal(cleaned, 1);
});
