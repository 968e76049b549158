/**
 * Loads TensorFlow and looks for NVIDIA's management library in a process of its own, for the doctor: what crashes or
 * leaves memory behind here harms nobody. Prints one line of JSON.
 * @module
 */
import { environmentBuild, loadBinding } from '@pemmican/engine';

/** What this process prints. */
export interface Probe {
  readonly tensorflowVersion?: string;
  readonly isUsingGpuDevice?: boolean;
  readonly loadMs?: number;
  readonly error?: string;
  readonly isNvmlFound: boolean;
}

const NVML = 'libnvidia-ml.so.1';

function isNvmlFound(): boolean {
  try {
    process.dlopen({ exports: {} }, NVML);
    return true;
  } catch (error) {
    // It is no Node addon, so loading it never succeeds; but the loader says whether it was found.
    return !(error instanceof Error && error.message.includes('cannot open shared object file'));
  }
}

function probeTensorflow(): Omit<Probe, 'isNvmlFound'> {
  const begin = performance.now();
  try {
    const binding = loadBinding(environmentBuild());
    return {
      tensorflowVersion: binding.TF_Version,
      isUsingGpuDevice: binding.isUsingGpuDevice(),
      loadMs: Math.round(performance.now() - begin),
    };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

const probe: Probe = { ...probeTensorflow(), isNvmlFound: isNvmlFound() };
process.stdout.write(`${JSON.stringify(probe)}\n`);
