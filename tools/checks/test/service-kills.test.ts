import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Random } from '../src/hostile-requests/random.ts';
import { killService } from '../src/service-kills/killed-service.ts';
import { trainerKind } from '../src/service-kills/kinds.ts';

// A small one of tools/checks/src/service-kills.ts, which kills a hundred times.
test('a trainer that is killed 4 times loses no run and repeats no event', { timeout: 240_000 }, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-kills-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const report = await killService(await trainerKind(folder), folder, 4, new Random(7));
  assert.deepEqual(report.problems, []);
  assert.ok(report.kills >= 4 && report.attachments > report.jobs, JSON.stringify(report));
});
