import { PreconditionError } from './precondition-error.ts';

const error = (deviceCount: number, what: string): PreconditionError =>
  new PreconditionError('DEVICES_MISSING', `num_devices is ${deviceCount}: ${what}`);

/** What a run on more devices than there are is refused with. */
export const missingDevices = {
  onCpu: (deviceCount: number): PreconditionError =>
    error(deviceCount, 'the CPU is one; GPUs are trained on with PEMMICAN_TENSORFLOW=gpu'),
  ofGpus: (deviceCount: number, gpuCount: number): PreconditionError =>
    error(deviceCount, `there ${gpuCount === 1 ? 'is 1 GPU' : `are ${gpuCount} GPUs`} here`),
  inEngine: (deviceCount: number, device: string): PreconditionError =>
    error(deviceCount, `TensorFlow has no ${device} here`),
} as const;
