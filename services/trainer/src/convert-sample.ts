import { DeviceMemorySource, type DeviceMemorySample as SampleMessage } from '@pemmican/contract/trainer';
import type { DeviceMemorySample } from '@pemmican/device-memory';

export function toSampleMessage(sample: DeviceMemorySample): SampleMessage {
  const { time, source, utilization, ...figures } = sample;
  return {
    ...figures,
    sampleTime: time,
    source: source === 'NVML' ? DeviceMemorySource.NVML : DeviceMemorySource.HOST,
    utilization,
  };
}
