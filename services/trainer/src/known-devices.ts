import type { DeviceMemorySampler } from '@pemmican/device-memory';
import type { Logger } from '@pemmican/rpc';
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

/** Says at the service's start which GPUs there are, where it was told to use them: without one, TensorFlow's build for GPUs uses the CPU. */
export function reportGpus(
  logger: Pick<Logger, 'info' | 'warn'>,
  { tensorflow, environment }: Pick<TrainerConfig, 'tensorflow' | 'environment'>,
  sampler: Pick<DeviceMemorySampler, 'gpuCount'>,
): void {
  if (tensorflow === 'cpu') return;
  const gpuCount = sampler.gpuCount();
  const visibleDevices = environment['CUDA_VISIBLE_DEVICES'];
  const fields = { gpuCount: gpuCount ?? null, ...(visibleDevices === undefined ? {} : { visibleDevices }) };
  if (gpuCount === undefined)
    logger.warn(
      "no GPU is found: NVIDIA's driver (libnvidia-ml.so.1) is not there or does not answer; runs train on the CPU",
      fields,
    );
  else if (gpuCount === 0 || visibleGpuCount(visibleDevices) === 0)
    logger.warn(
      'no GPU is found: the driver has none, or CUDA_VISIBLE_DEVICES hides it; runs train on the CPU',
      fields,
    );
  else logger.info('GPUs are found', fields);
}

/** GPUs that CUDA lets processes see: all up to the first that is none (CUDA C++ Programming Guide, environment variables). */
function visibleGpuCount(list: string | undefined): number | undefined {
  if (list === undefined) return undefined;
  const names = list.split(',').map((name) => name.trim());
  const end = names.findIndex((name) => name === '' || name === '-1');
  return end < 0 ? names.length : end;
}
