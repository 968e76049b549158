import assert from 'node:assert/strict';
import { test } from 'node:test';

import { resumeCommand } from './resume-command.ts';

test('resumeCommand keeps the words, quotes what a shell would split, and resumes from the latest checkpoint', () => {
  assert.equal(
    resumeCommand(['run', '--model', "my model's dir", '--overwrite', '--resume-from-checkpoint', 'x', '--seed', '1']),
    `pemmican run --model 'my model'\\''s dir' --seed 1 --resume-from-checkpoint latest`,
  );
  assert.equal(resumeCommand(['run', '--resume-from-checkpoint=x']), 'pemmican run --resume-from-checkpoint latest');
});
