import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { DEFAULT_ASSET_NAMES, type AssetName } from './asset-list.ts';
import { findAsset } from './assets.ts';
import { cacheFolder, REPOSITORY_FOLDER } from './cache.ts';
import { findCompiler, findPython, type FoundCompiler, type FoundPython } from './find-tool.ts';
import { freeBytes } from './free-space.ts';
import type { Probe } from './probe.ts';
import { findPythonEnvironment } from './python-environment.ts';
import { runCommand } from './run-command.ts';
import { TENSORFLOW_BUILDS, type Device } from './tensorflow-build.ts';
import { isTensorflowReady } from './tensorflow.ts';

/** One build of TensorFlow as it was found. */
export interface TensorflowReport {
  readonly device: Device;
  /** npm package through which it runs. */
  readonly package: string;
  /** Whether the set-up has made it and nothing is missing. */
  readonly isSetUp: boolean;
  /** The version that the library itself told, when it was loaded just now. */
  readonly version?: string;
  readonly isUsingGpuDevice?: boolean;
  readonly loadMs?: number;
  /** Why it does not load. */
  readonly error?: string;
}

/** A device that TensorFlow could use. */
export interface DeviceReport {
  readonly device: Device;
  readonly name: string;
  /** Hardware threads of a CPU. */
  readonly threadCount?: number;
}

/** What `pemmican doctor` says. */
export interface DoctorReport {
  readonly node: {
    readonly version: string;
    readonly path: string;
    readonly isPinned: boolean;
    readonly pinnedVersion: string;
  };
  readonly tensorflow: readonly TensorflowReport[];
  readonly devices: readonly DeviceReport[];
  /** Whether NVIDIA's management library can be opened. */
  readonly isNvmlFound: boolean;
  readonly compiler?: FoundCompiler;
  readonly python?: FoundPython;
  readonly disk: { readonly cacheFolder: string; readonly freeBytes: number };
  readonly memory: { readonly totalBytes: number; readonly availableBytes: number };
  readonly assets: readonly { readonly name: AssetName; readonly folder: string; readonly isReady: boolean }[];
  /** The environment of the oracle tests; nothing else needs it. */
  readonly pythonEnvironment: { readonly python: string; readonly isReady: boolean };
}

/** Looks at the machine and at what is set up; changes nothing. TensorFlow is loaded in child processes. */
export async function collectDoctorReport(): Promise<DoctorReport> {
  const devices: Device[] = ['cpu', 'gpu'];
  const [probes, compiler, python, free] = await Promise.all([
    Promise.all(devices.map((device) => probe(device))),
    findCompiler(),
    findPython(),
    freeBytes(cacheFolder()),
  ]);
  const pinnedVersion = pinnedNodeVersion();
  const assets = DEFAULT_ASSET_NAMES.map(async (name) => ({ name, ...(await findAsset(name)) }));
  return {
    node: {
      version: process.versions.node,
      path: process.execPath,
      isPinned: process.versions.node === pinnedVersion,
      pinnedVersion,
    },
    tensorflow: probes.map(({ report }) => report),
    devices: await findDevices(),
    isNvmlFound: probes.some(({ isNvmlFound }) => isNvmlFound),
    ...(compiler === undefined ? {} : { compiler }),
    ...(python === undefined ? {} : { python }),
    disk: { cacheFolder: cacheFolder(), freeBytes: free },
    memory: { totalBytes: os.totalmem(), availableBytes: process.availableMemory() },
    assets: await Promise.all(assets),
    pythonEnvironment: await findPythonEnvironment(),
  };
}

async function probe(device: Device): Promise<{ report: TensorflowReport; isNvmlFound: boolean }> {
  const { stdout, output } = await runCommand(process.execPath, [path.join(import.meta.dirname, 'probe.ts')], {
    environment: { PEMMICAN_TENSORFLOW: device, TF_CPP_MIN_LOG_LEVEL: '3' },
  });
  const { isNvmlFound, tensorflowVersion, ...found } = parseProbe(stdout, output);
  const isSetUp = await isTensorflowReady(device);
  const report: TensorflowReport = {
    device,
    package: TENSORFLOW_BUILDS[device].package,
    isSetUp,
    ...(tensorflowVersion === undefined ? {} : { version: tensorflowVersion }),
    ...found,
  };
  return { report, isNvmlFound };
}

function parseProbe(stdout: string, output: string): Probe {
  const line = stdout.trim().split('\n').at(-1) ?? '';
  // A process that crashed in the library has printed nothing of the kind.
  if (line.startsWith('{')) return JSON.parse(line) as Probe;
  return { isNvmlFound: false, error: `The process that loads it ended early: ${output.trim().slice(-500)}` };
}

function pinnedNodeVersion(): string {
  const file = path.join(REPOSITORY_FOLDER, 'package.json');
  const { dependencies } = JSON.parse(readFileSync(file, 'utf8')) as { dependencies: Record<string, string> };
  return dependencies['node']?.split('@').at(-1) ?? '';
}

async function findDevices(): Promise<DeviceReport[]> {
  const processors = os.cpus();
  const cpu: DeviceReport = {
    device: 'cpu',
    name: processors[0]?.model ?? os.arch(),
    threadCount: os.availableParallelism(),
  };
  const driver = '/proc/driver/nvidia/gpus';
  const gpus = (await readdir(driver).catch(() => [])).map(async (name): Promise<DeviceReport> => {
    const text = await readFile(path.join(driver, name, 'information'), 'utf8').catch(() => '');
    return { device: 'gpu', name: /^Model:\s*(.+)$/m.exec(text)?.[1] ?? name };
  });
  return [cpu, ...(await Promise.all(gpus))];
}
