import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { DeviceMemorySampler, NvmlError, hostMemory, processMemory } from './mod.ts';

/** A libnvidia-ml with one GPU of 80 GB, compiled here: the real one needs a driver. */
function stubLibrary(
  t: TestContext,
  overrides: { memoryV2?: string; utilization?: string; handle?: string } = {},
): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-nvml-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const {
    memoryV2 = '',
    utilization = 'u->gpu = 37; u->memory = 11; return 0;',
    handle = '*d = (void *)&device; return 0;',
  } = overrides;
  const source = `
    #include <string.h>
    typedef unsigned long long u64;
    typedef struct { u64 total, free, used; } memory_v1;
    typedef struct { unsigned version; u64 total, reserved, free, used; } memory_v2;
    typedef struct { unsigned gpu, memory; } rates;
    typedef struct { unsigned pid; u64 used; unsigned gi, ci; } process;
    static int device;
    int nvmlInit_v2(void) { return 0; }
    int nvmlDeviceGetCount_v2(unsigned *n) { *n = 1; return 0; }
    int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d) { ${handle} }
    int nvmlDeviceGetName(void *d, char *s, unsigned n) { strncpy(s, "Stub H100", n); return 0; }
    int nvmlDeviceGetMemoryInfo(void *d, memory_v1 *m) { m->total = 80000000000ull; m->free = 60000000000ull; m->used = 20000000000ull; return 0; }
    ${memoryV2 || 'int nvmlDeviceGetMemoryInfo_v2(void *d, memory_v2 *m) { if (m->version != (sizeof(*m) | (2u << 24))) return 25; m->total = 80000000000ull; m->reserved = 500000000ull; m->free = 59500000000ull; m->used = 20000000000ull; return 0; }'}
    int nvmlDeviceGetUtilizationRates(void *d, rates *u) { ${utilization} }
    int nvmlDeviceGetComputeRunningProcesses_v3(void *d, unsigned *n, process *p) { *n = 2; p[0].pid = 11; p[0].used = 1; p[1].pid = 4242; p[1].used = 12345678901ull; return 0; }
  `;
  writeFileSync(path.join(folder, 'nvml.c'), source);
  const library = path.join(folder, 'libnvidia-ml.so.1');
  execFileSync('gcc', ['-shared', '-fPIC', '-w', '-o', library, path.join(folder, 'nvml.c')]);
  return library;
}

test('DeviceMemorySampler reads used, free, reserved and process bytes and utilization through NVML', (t) => {
  const sampler = new DeviceMemorySampler({ nvmlLibrary: stubLibrary(t) });
  assert.equal(sampler.source, 'NVML');
  const { time: _, ...sample } = sampler.sample(4242)[0]!;
  assert.deepEqual(sample, {
    source: 'NVML',
    deviceIndex: 0,
    deviceName: 'Stub H100',
    totalBytes: 80_000_000_000,
    usedBytes: 20_000_000_000,
    freeBytes: 59_500_000_000,
    reservedBytes: 500_000_000,
    processBytes: 12_345_678_901,
    processPeakBytes: 0,
    utilization: 0.37,
  });
});

test('DeviceMemorySampler falls back to version 1 of the memory info and leaves out what a device does not support', (t) => {
  // 3 is NVML_ERROR_NOT_SUPPORTED
  const library = stubLibrary(t, {
    memoryV2: 'int nvmlDeviceGetMemoryInfo_v2(void *d, memory_v2 *m) { return 3; }',
    utilization: 'return 3;',
  });
  const sample = new DeviceMemorySampler({ nvmlLibrary: library }).sample()[0]!;
  assert.equal(sample.freeBytes, 60_000_000_000);
  assert.equal(sample.reservedBytes, 0);
  assert.equal(sample.processBytes, 0);
  assert.equal(sample.utilization, undefined);
});

test('DeviceMemorySampler throws NvmlError with the code of a GPU that is lost', (t) => {
  const sampler = new DeviceMemorySampler({ nvmlLibrary: stubLibrary(t, { handle: 'return 15;' }) });
  assert.throws(
    () => sampler.sample(),
    (error) => error instanceof NvmlError && error.nvmlCode === 15,
  );
});

test('DeviceMemorySampler measures the host, labelled so, where there is no NVML', () => {
  const sampler = new DeviceMemorySampler({ nvmlLibrary: '/nonexistent/libnvidia-ml.so.1' });
  const sample = sampler.sample(process.pid)[0]!;
  assert.equal(sample.source, 'HOST');
  // The kernel's figure and Node's own agree but for what was allocated in between.
  assert.ok(Math.abs(sample.processBytes - process.memoryUsage.rss()) < 32 * 1024 * 1024);
  assert.ok(sample.processPeakBytes >= sample.processBytes);
  assert.equal(sample.usedBytes + sample.freeBytes, sample.totalBytes);
});

test('processMemory is zero for a process that is gone', () => {
  assert.deepEqual(processMemory(999_999_999), { residentBytes: 0, peakResidentBytes: 0, anonymousBytes: 0 });
  assert.ok(hostMemory().totalBytes > 0);
});

test('DeviceMemorySampler.watch samples at its interval until it is aborted', async () => {
  const controller = new AbortController();
  const sampler = new DeviceMemorySampler({ useGpu: false });
  let count = 0;
  for await (const samples of sampler.watch({ intervalMs: 5, signal: controller.signal })) {
    assert.equal(samples.length, 1);
    if (++count === 3) controller.abort();
  }
  assert.equal(count, 3);
});
