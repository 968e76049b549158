import koffi from 'koffi';
import type { DeviceMemorySample } from './sample.ts';

// nvml.h (NVIDIA Management Library API reference).
const NVML_SUCCESS = 0;
const NVML_ERROR_NOT_SUPPORTED = 3;
const NVML_ERROR_INSUFFICIENT_SIZE = 7;
const NAME_BUFFER_BYTES = 96;
const MAX_PROCESS_COUNT = 1024;

/** Thrown when NVML answers with an error. */
export class NvmlError extends Error {
  override readonly name = 'NvmlError';
  /** nvmlReturn_t */
  readonly nvmlCode: number;
  constructor(call: string, nvmlCode: number) {
    super(`${call} answered with NVML error ${nvmlCode}`);
    this.nvmlCode = nvmlCode;
  }
}

type NvmlFunction = (...parameters: unknown[]) => number;

const MEMORY_V1 = koffi.struct('nvmlMemory_t', { total: 'uint64', free: 'uint64', used: 'uint64' });
const MEMORY_V2 = koffi.struct('nvmlMemory_v2_t', {
  version: 'uint32',
  total: 'uint64',
  reserved: 'uint64',
  free: 'uint64',
  used: 'uint64',
});
const UTILIZATION = koffi.struct('nvmlUtilization_t', { gpu: 'uint32', memory: 'uint32' });
const PROCESS = koffi.struct('nvmlProcessInfo_t', {
  pid: 'uint32',
  usedGpuMemory: 'uint64',
  gpuInstanceId: 'uint32',
  computeInstanceId: 'uint32',
});
const DEVICE = koffi.pointer('nvmlDevice_t', koffi.opaque());

// NVML_STRUCT_VERSION: the struct's size with its version in the highest byte.
const MEMORY_V2_VERSION = koffi.sizeof(MEMORY_V2) | (2 << 24);

interface Memory {
  readonly totalBytes: number;
  readonly usedBytes: number;
  readonly freeBytes: number;
  readonly reservedBytes: number;
}

/** The GPUs that NVML sees. */
export class Nvml {
  readonly #functions: Readonly<Record<string, NvmlFunction | undefined>>;

  private constructor(functions: Readonly<Record<string, NvmlFunction | undefined>>) {
    this.#functions = functions;
  }

  /** Opens the library; undefined where there is none or it finds no driver. */
  static open(library = 'libnvidia-ml.so.1'): Nvml | undefined {
    let handle: ReturnType<typeof koffi.load>;
    try {
      handle = koffi.load(library);
    } catch {
      return undefined;
    }
    const bind = (name: string, ...types: unknown[]): NvmlFunction | undefined => {
      try {
        // koffi's typings leave out parameter directions.
        return handle.func(name, 'int', types as string[]) as NvmlFunction;
      } catch {
        return undefined; // an older driver
      }
    };
    const nvml = new Nvml({
      init: bind('nvmlInit_v2'),
      count: bind('nvmlDeviceGetCount_v2', koffi.out(koffi.pointer('uint32'))),
      handle: bind('nvmlDeviceGetHandleByIndex_v2', 'uint32', koffi.out(koffi.pointer(DEVICE))),
      name: bind('nvmlDeviceGetName', DEVICE, 'void *', 'uint32'),
      memoryV2: bind('nvmlDeviceGetMemoryInfo_v2', DEVICE, koffi.inout(koffi.pointer(MEMORY_V2))),
      memory: bind('nvmlDeviceGetMemoryInfo', DEVICE, koffi.out(koffi.pointer(MEMORY_V1))),
      utilization: bind('nvmlDeviceGetUtilizationRates', DEVICE, koffi.out(koffi.pointer(UTILIZATION))),
      processes: bind(
        'nvmlDeviceGetComputeRunningProcesses_v3',
        DEVICE,
        koffi.inout(koffi.pointer('uint32')),
        'void *',
      ),
    });
    return nvml.#functions['init']?.() === NVML_SUCCESS ? nvml : undefined;
  }

  /** @throws NvmlError */
  deviceCount(): number {
    const count = [0];
    this.#call('count', count);
    return count[0] ?? 0;
  }

  /**
   * Memory of a device and of a process on it.
   * @throws NvmlError, e.g. 15 when the GPU is lost
   */
  sample(deviceIndex: number, pid: number | undefined): DeviceMemorySample {
    const handle: unknown[] = [null];
    this.#call('handle', deviceIndex, handle);
    const device = handle[0];
    return {
      time: new Date(),
      source: 'NVML',
      deviceIndex,
      deviceName: this.#name(device),
      ...this.#memory(device),
      processBytes: pid === undefined ? 0 : this.#processBytes(device, pid),
      processPeakBytes: 0,
      utilization: this.#utilization(device),
    };
  }

  #name(device: unknown): string {
    const buffer = Buffer.alloc(NAME_BUFFER_BYTES);
    this.#call('name', device, buffer, buffer.length);
    const end = buffer.indexOf(0);
    return buffer.toString('utf8', 0, end < 0 ? buffer.length : end);
  }

  #memory(device: unknown): Memory {
    // Version 2 tells what the driver reserves; drivers before 510 have version 1 only.
    const info = { version: MEMORY_V2_VERSION, total: 0, reserved: 0, free: 0, used: 0 };
    if (this.#functions['memoryV2']?.(device, info) === NVML_SUCCESS) {
      return {
        totalBytes: Number(info.total),
        usedBytes: Number(info.used),
        freeBytes: Number(info.free),
        reservedBytes: Number(info.reserved),
      };
    }
    const old = { total: 0, free: 0, used: 0 };
    this.#call('memory', device, old);
    return {
      totalBytes: Number(old.total),
      usedBytes: Number(old.used),
      freeBytes: Number(old.free),
      reservedBytes: 0,
    };
  }

  #utilization(device: unknown): number | undefined {
    const rates = { gpu: 0, memory: 0 };
    const code = this.#functions['utilization']?.(device, rates) ?? NVML_ERROR_NOT_SUPPORTED;
    return code === NVML_SUCCESS ? rates.gpu / 100 : undefined;
  }

  #processBytes(device: unknown, pid: number): number {
    const size = koffi.sizeof(PROCESS);
    const buffer = Buffer.alloc(size * MAX_PROCESS_COUNT);
    const count = [MAX_PROCESS_COUNT];
    const code = this.#functions['processes']?.(device, count, buffer) ?? NVML_ERROR_NOT_SUPPORTED;
    if (code !== NVML_SUCCESS && code !== NVML_ERROR_INSUFFICIENT_SIZE) return 0;
    for (let index = 0; index < Math.min(count[0] ?? 0, MAX_PROCESS_COUNT); index++) {
      if (buffer.readUInt32LE(index * size) === pid) return Number(buffer.readBigUInt64LE(index * size + 8));
    }
    return 0;
  }

  #call(name: string, ...parameters: unknown[]): void {
    const code = this.#functions[name]?.(...parameters) ?? NVML_ERROR_NOT_SUPPORTED;
    if (code !== NVML_SUCCESS) throw new NvmlError(name, code);
  }
}
