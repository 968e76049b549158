import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { withLock } from '../lock.mjs';
import { cacheFolder } from './cache.ts';
import { SetupError } from './error.ts';
import { requirePython } from './find-tool.ts';
import { requireSpace } from './free-space.ts';
import { secondsSince, type SetupOptions } from './progress.ts';
import { runCommand } from './run-command.ts';
import { isCurrent, writeStamp, type StampedFolder } from './stamp.ts';

/** What the oracles and the benchmarks' PyTorch side run on; exact versions, as their numbers are compared with. */
export const PYTHON_PACKAGES: Readonly<Record<string, string>> = {
  torch: '2.15.0',
  transformers: '5.23.0',
  tokenizers: '0.23.3',
  safetensors: '0.8.0',
  numpy: '2.4.6',
  peft: '0.21.2',
  accelerate: '1.15.0',
};

// PyTorch brings its CUDA libraries along, needed or not.
const NEEDED_BYTES = 9e9;
const INTERPRETER = 'bin/python';

function target(): StampedFolder {
  return {
    folder: path.join(cacheFolder(), 'python'),
    stampFile: path.join(cacheFolder(), 'stamps', 'python.json'),
    recipe: requirements().join('; '),
  };
}

function requirements(): string[] {
  return Object.entries(PYTHON_PACKAGES).map(([name, version]) => `${name}==${version}`);
}

/** Where the oracles' Python lies when it is there, and whether it is. */
export async function findPythonEnvironment(): Promise<{ readonly python: string; readonly isReady: boolean }> {
  const stamped = target();
  return { python: path.join(stamped.folder, INTERPRETER), isReady: await isCurrent(stamped) };
}

/**
 * Makes the virtual environment that the oracle tests and benchmarks use, or adopts one in its place that has the right
 * packages. A virtual environment cannot be moved, so it is made where it stays and counts from its stamp on; an
 * interrupted pip goes on with what it has.
 * @returns its Python
 * @throws SetupError
 */
export async function ensurePythonEnvironment(options: SetupOptions = {}): Promise<string> {
  const stamped = target();
  const python = path.join(stamped.folder, INTERPRETER);
  if (await isCurrent(stamped)) return python;
  const report = options.onProgress ?? (() => undefined);
  await withLock(stamped.folder, report, async () => {
    if (await isCurrent(stamped)) return;
    if (!(await hasPackages(stamped.folder))) await install(stamped.folder, report);
    await writeStamp(stamped, [INTERPRETER, ...(await packageRecords(stamped.folder))]);
  });
  return python;
}

/** The record (`METADATA`) of each pinned package that is installed, relative to the environment. */
async function packageRecords(folder: string): Promise<string[]> {
  const libraries = path.join(folder, 'lib');
  const records: string[] = [];
  for (const name of await readdir(libraries).catch(() => [])) {
    for (const [project, version] of Object.entries(PYTHON_PACKAGES)) {
      const record = path.join('lib', name, 'site-packages', `${project}-${version}.dist-info`, 'METADATA');
      if (existsSync(path.join(folder, record))) records.push(record);
    }
  }
  return records;
}

async function hasPackages(folder: string): Promise<boolean> {
  if ((await packageRecords(folder)).length !== Object.keys(PYTHON_PACKAGES).length) return false;
  // Their records say they are there; that they load is another thing.
  const imports = `import ${Object.keys(PYTHON_PACKAGES).join(', ')}`;
  return (await runCommand(path.join(folder, INTERPRETER), ['-c', imports])).code === 0;
}

async function install(folder: string, report: (line: string) => void): Promise<void> {
  await requireSpace(cacheFolder(), NEEDED_BYTES, "the oracles' Python environment");
  const { command } = await requirePython();
  const begin = performance.now();
  report('Python environment of the oracles: installing PyTorch and transformers, some minutes');
  // One that works is kept: pip fetches what it lacks, and not PyTorch again.
  const isWorking = (await runCommand(path.join(folder, INTERPRETER), ['-m', 'pip', '--version'])).code === 0;
  const made = isWorking ? undefined : await runCommand(command, ['-m', 'venv', '--clear', folder]);
  if (made !== undefined && made.code !== 0) {
    throw new SetupError(
      'MISSING_TOOL',
      `\`${command} -m venv\` failed; on Debian and Ubuntu it needs apt-get install python3-venv:\n${made.output.trim()}`,
    );
  }
  const installed = await runCommand(path.join(folder, INTERPRETER), [
    ...['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check'],
    ...requirements(),
  ]);
  if (installed.code !== 0) {
    throw new SetupError(
      'DOWNLOAD_FAILED',
      `pip could not install ${requirements().join(' ')}:\n${installed.output.trim()}`,
    );
  }
  report(`Python environment of the oracles: ready in ${secondsSince(begin)}`);
}
