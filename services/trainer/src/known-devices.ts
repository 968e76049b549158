import type { DeviceMemorySampler } from '@pemmican/device-memory';
import type { TrainerConfig } from './config.ts';
import { missingDevices } from './missing-devices.ts';

/**
 * Refuses a run on more devices than the service knows of, before it waits for its turn. Its process asks the engine itself, which
 * may find fewer.
 * @throws PreconditionError DEVICES_MISSING
 */
export function requireKnownDevices(
  deviceCount: number,
  { tensorflow, cpuDeviceCount, environment }: Pick<TrainerConfig, 'tensorflow' | 'cpuDeviceCount' | 'environment'>,
  sampler: Pick<DeviceMemorySampler, 'gpuCount'>,
): void {
  if (deviceCount <= 1) return;
  if (tensorflow === 'cpu') {
    if (deviceCount > cpuDeviceCount) throw missingDevices.onCpu(deviceCount);
    return;
  }
  const visible = visibleGpuCount(environment['CUDA_VISIBLE_DEVICES']);
  const counts = [sampler.gpuCount(), visible].filter((count) => count !== undefined);
  const gpuCount = Math.min(...counts);
  if (deviceCount > gpuCount) throw missingDevices.ofGpus(deviceCount, gpuCount);
}

/** GPUs that CUDA lets processes see: all up to the first that is none (CUDA C++ Programming Guide, environment variables). */
function visibleGpuCount(list: string | undefined): number | undefined {
  if (list === undefined) return undefined;
  const names = list.split(',').map((name) => name.trim());
  const end = names.findIndex((name) => name === '' || name === '-1');
  return end < 0 ? names.length : end;
}
