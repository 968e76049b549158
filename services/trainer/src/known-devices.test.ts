import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportGpus, requireKnownDevices } from './known-devices.ts';

function told(deviceCount: number, tensorflow: 'cpu' | 'gpu', gpuCount?: number, visible?: string): string {
  const environment = { CUDA_VISIBLE_DEVICES: visible };
  try {
    requireKnownDevices(deviceCount, { tensorflow, cpuDeviceCount: 2, environment }, { gpuCount: () => gpuCount });
    return '';
  } catch (error) {
    assert.equal((error as { reason?: string }).reason, 'DEVICES_MISSING');
    return (error as Error).message;
  }
}

test('requireKnownDevices counts what the CPU stands for, and the GPUs that processes may see', () => {
  for (const known of [told(1, 'cpu'), told(2, 'cpu'), told(1, 'gpu', 0), told(8, 'gpu', 8), told(2, 'gpu', 8, '3,1')])
    assert.equal(known, '');
  assert.match(
    told(3, 'cpu', 8),
    /^num_devices is 3: the CPU is one; GPUs are trained on with PEMMICAN_TENSORFLOW=gpu$/,
  );
  assert.equal(told(3, 'gpu', 2), 'num_devices is 3: there are 2 GPUs here');
  assert.equal(told(2, 'gpu', 1), 'num_devices is 2: there is 1 GPU here');
  assert.equal(told(3, 'gpu', 8, '0,1'), 'num_devices is 3: there are 2 GPUs here');
  assert.equal(told(2, 'gpu', 8, '0,-1,2'), 'num_devices is 2: there is 1 GPU here');
  assert.equal(told(2, 'gpu', 8, ''), 'num_devices is 2: there are 0 GPUs here');
  // Without the driver's library nothing is known: the run's process asks the engine.
  assert.equal(told(16, 'gpu'), '');
});

test('reportGpus warns of a build for GPUs that finds none, and says how many there are', () => {
  const said = (tensorflow: 'cpu' | 'gpu', gpuCount?: number, visible?: string): string[] => {
    const lines: string[] = [];
    const log =
      (severity: string) =>
      (message: string, fields: object = {}): void => {
        lines.push(`${severity}: ${message} ${JSON.stringify(fields)}`);
      };
    const environment = { CUDA_VISIBLE_DEVICES: visible };
    reportGpus({ info: log('info'), warn: log('warn') }, { tensorflow, environment }, { gpuCount: () => gpuCount });
    return lines;
  };
  assert.deepEqual(said('cpu'), []);
  assert.deepEqual(said('gpu', 2), ['info: GPUs are found {"gpuCount":2}']);
  assert.match(
    said('gpu').join(),
    /^warn: no GPU is found: NVIDIA's driver .* runs train on the CPU \{"gpuCount":null\}$/,
  );
  assert.match(said('gpu', 0).join(), /^warn: no GPU is found: the driver has none/);
  assert.match(said('gpu', 2, '-1').join(), /^warn: no GPU is found: .*CUDA_VISIBLE_DEVICES hides it/);
});
