import { TensorflowSession, type TensorflowBuild } from '@pemmican/engine';
import { GraphBuilder, encodeSavedModel } from '@pemmican/graph';
import { missingDevices } from './missing-devices.ts';

/** The devices that a run may train on. */
export interface AvailableDevices {
  readonly tensorflow: TensorflowBuild;
  /** How many devices the CPU may stand for. */
  readonly cpuDeviceCount: number;
}

/**
 * Names of the devices beside the first one that a run of so many trains on. The CPU is one device to the engine, which opens
 * sessions by its defaults: there it takes all micro-batches itself.
 */
export function otherDeviceNames(deviceCount: number, tensorflow: TensorflowBuild): string[] {
  return Array.from({ length: deviceCount - 1 }, (_, index) =>
    tensorflow === 'gpu' ? `/device:GPU:${index + 1}` : '',
  );
}

/**
 * Checks that there are so many devices, before anything is read.
 * @throws PreconditionError DEVICES_MISSING
 */
export function requireDevices(deviceCount: number, { tensorflow, cpuDeviceCount }: AvailableDevices): void {
  if (deviceCount === 1) return;
  if (tensorflow === 'cpu') {
    if (deviceCount > cpuDeviceCount) throw missingDevices.onCpu(deviceCount);
    return;
  }
  const devices = otherDeviceNames(deviceCount, tensorflow);
  const found = devices.find((device) => !hasDevice(device, tensorflow));
  if (found !== undefined) throw missingDevices.inEngine(deviceCount, found);
}

/** What a run is told whose engine is the build for GPUs and finds none: it goes on, slowly. */
export const NO_GPU_WARNING =
  "TensorFlow's build for GPUs finds no GPU here, so that this run trains on the CPU. Is the driver there, and was the container given a GPU?";

/** Whether the engine places something on a device: it does so when it opens a session. */
export function hasDevice(device: string, tensorflow: TensorflowBuild): boolean {
  const builder = new GraphBuilder();
  const probe = builder.withDevice(device, () => builder.constant(1));
  try {
    TensorflowSession.open(encodeSavedModel(builder, probe), { build: tensorflow }).dispose();
    return true;
  } catch (error) {
    if (error instanceof Error && error.message.includes('available devices are')) return false;
    throw error;
  }
}
