import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Output } from '../output/output.ts';
import { BarProgress } from './bar-progress.ts';

test('BarProgress.note shows a line whole on a narrow terminal, where a bar has switched wrapping off', () => {
  let written = '';
  const stderr = {
    isTTY: true,
    columns: 40,
    write: (text: string) => {
      written += text;
      return true;
    },
    // What cli-progress asks a terminal for.
    cursorTo: () => undefined,
    moveCursor: () => undefined,
    clearLine: () => undefined,
    clearScreenDown: () => undefined,
  };
  const progress = new BarProgress('Train', new Output({ stdout: stderr, stderr, environment: {} }, { color: false }));
  const line = 'before training: accuracy 0.4400, F1 0.3952, loss 0.6948 on 1,000 validation records';
  progress.note(line);
  progress.succeed('3 steps');
  const before = written.slice(0, written.indexOf(line));
  // DEC private mode 7: h wraps, l does not.
  assert.ok(before.lastIndexOf('\u001b[?7h') > before.lastIndexOf('\u001b[?7l'), JSON.stringify(before));
  assert.ok(written.slice(written.indexOf(line)).includes('\u001b[?7l'), 'the bar goes on without');
  assert.match(written, /✓ Train {4} 3 steps/);
});
