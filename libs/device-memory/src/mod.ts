/**
 * Memory in use on devices: NVML where there is a GPU, the host's and a process' resident bytes otherwise, labelled so.
 * @module
 */
export { hostMemory, memoryKillCount, processMemory } from './host-memory.ts';
export { adviseHugePages } from './huge-pages.ts';
export { Nvml, NvmlError } from './nvml.ts';
export type { DeviceMemorySample, DeviceMemorySource } from './sample.ts';
export { DeviceMemorySampler } from './sampler.ts';
