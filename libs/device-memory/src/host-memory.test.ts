import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { hostMemory, memoryKillCount } from './host-memory.ts';

const MEMINFO = 'MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    600 kB\n';

function rootWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(path.join(tmpdir(), 'pemmican-host-memory-'));
  t.after(() => {
    rmSync(root, { recursive: true });
  });
  for (const [name, text] of Object.entries({ 'proc/meminfo': MEMINFO, ...files })) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  return root;
}

test('hostMemory tells what the kernel calls available where no container has a limit', (t) => {
  assert.deepEqual(hostMemory(rootWith(t, {})), { totalBytes: 1000 * 1024, freeBytes: 600 * 1024 });
  const unlimited = { 'sys/fs/cgroup/memory.max': 'max\n', 'sys/fs/cgroup/memory.current': '500\n' };
  assert.deepEqual(hostMemory(rootWith(t, unlimited)), { totalBytes: 1000 * 1024, freeBytes: 600 * 1024 });
});

test("hostMemory tells what a container's limit leaves, without pages of files that can be dropped", (t) => {
  const second = {
    'sys/fs/cgroup/memory.max': `${400 * 1024}\n`,
    'sys/fs/cgroup/memory.current': `${300 * 1024}\n`,
    'sys/fs/cgroup/memory.stat': `anon ${200 * 1024}\ninactive_file ${50 * 1024}\nactive_file 7\n`,
  };
  // 400 - (300 - 50) kB
  assert.deepEqual(hostMemory(rootWith(t, second)), { totalBytes: 400 * 1024, freeBytes: 150 * 1024 });
  const first = {
    'sys/fs/cgroup/memory/memory.limit_in_bytes': `${400 * 1024}\n`,
    'sys/fs/cgroup/memory/memory.usage_in_bytes': `${410 * 1024}\n`,
    'sys/fs/cgroup/memory/memory.stat': 'inactive_file 1\ntotal_inactive_file 2048\n',
  };
  // 400 - (410 - 2) kB is below nothing.
  assert.deepEqual(hostMemory(rootWith(t, first)), { totalBytes: 400 * 1024, freeBytes: 0 });
});

test('hostMemory leaves it at what the machine has where the container may have more', (t) => {
  const wide = { 'sys/fs/cgroup/memory.max': `${900 * 1024}\n`, 'sys/fs/cgroup/memory.current': '0\n' };
  assert.deepEqual(hostMemory(rootWith(t, wide)), { totalBytes: 900 * 1024, freeBytes: 600 * 1024 });
});

test('memoryKillCount counts what the kernel has killed for its memory, in both versions of control groups', (t) => {
  assert.equal(memoryKillCount(rootWith(t, {})), 0);
  const second = { 'sys/fs/cgroup/memory.events': 'low 0\nhigh 0\nmax 41\noom 7\noom_kill 3\noom_group_kill 1\n' };
  assert.equal(memoryKillCount(rootWith(t, second)), 3);
  const first = { 'sys/fs/cgroup/memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n' };
  assert.equal(memoryKillCount(rootWith(t, first)), 2);
});
