import { setTimeout as delay } from 'node:timers/promises';
import { sampleHost } from './host-memory.ts';
import { Nvml } from './nvml.ts';
import type { DeviceMemorySample } from './sample.ts';

/** Measures device memory: every GPU that NVML sees, or the host where there is none. */
export class DeviceMemorySampler {
  readonly #nvml: Nvml | undefined;

  /** @param options.nvmlLibrary path of libnvidia-ml; the loader's own search where not given */
  constructor(options: { nvmlLibrary?: string; useGpu?: boolean } = {}) {
    this.#nvml = options.useGpu === false ? undefined : Nvml.open(options.nvmlLibrary);
  }

  get source(): 'NVML' | 'HOST' {
    return this.#nvml === undefined ? 'HOST' : 'NVML';
  }

  /** GPUs that the driver has; undefined where its library does not tell. */
  gpuCount(): number | undefined {
    try {
      return this.#nvml?.deviceCount();
    } catch {
      return undefined;
    }
  }

  /**
   * One sample a device.
   * @param pid process to measure too
   * @throws NvmlError
   */
  sample(pid?: number): DeviceMemorySample[] {
    const nvml = this.#nvml;
    if (nvml === undefined) return [sampleHost(pid)];
    return Array.from({ length: nvml.deviceCount() }, (_, index) => nvml.sample(index, pid));
  }

  /** Samples at an interval until the signal is aborted. */
  async *watch(options: {
    intervalMs: number;
    pid?: () => number | undefined;
    signal: AbortSignal;
  }): AsyncGenerator<DeviceMemorySample[], void, undefined> {
    while (!options.signal.aborted) {
      yield this.sample(options.pid?.());
      await delay(options.intervalMs, undefined, { signal: options.signal }).catch(() => undefined);
    }
  }
}
