import { globSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CLIENTS_FOLDER, REPOSITORY_FOLDER, cacheOf } from './places.ts';
import { onlyFile } from './only-file.ts';
import { run } from './run.ts';
import { once } from './stamp.ts';

const FOLDER = path.join(CLIENTS_FOLDER, 'python');
/** What the package is generated and built with, and what its example runs on. */
const PACKAGES = ['grpcio==1.85.1', 'grpcio-status==1.85.1', 'grpcio-tools==1.85.1', 'setuptools==84.2.1'];

const ENVIRONMENT = cacheOf('python');
const INTERPRETER = path.join(ENVIRONMENT, 'bin', 'python');
const HOST_PYTHON = process.env['PEMMICAN_PYTHON'] ?? 'python3';

/** The machine's pip, at work in the packages' environment: to install a pip there would take longer than all else. */
function pip(verb: string, ...parameters: readonly string[]): Promise<string> {
  const quietly = ['--quiet', '--no-input', '--disable-pip-version-check'];
  return run(HOST_PYTHON, ['-m', 'pip', '--python', INTERPRETER, verb, ...quietly, ...parameters]);
}

/** Makes the virtual environment of the packages; its Python. */
export async function ensurePython(): Promise<string> {
  await once(ENVIRONMENT, PACKAGES.join(' '), async () => {
    await run(HOST_PYTHON, ['-m', 'venv', '--clear', '--without-pip', ENVIRONMENT]);
    await pip('install', '--no-compile', ...PACKAGES);
  });
  return INTERPRETER;
}

/**
 * Generates and builds the Python package `pemmican-client`.
 * @returns the wheel, as it would be published
 */
export async function packPython(): Promise<string> {
  const python = await ensurePython();
  const source = path.join(FOLDER, 'src');
  const dist = path.join(FOLDER, 'dist');
  for (const folder of [source, path.join(FOLDER, 'build'), dist]) await rm(folder, { recursive: true, force: true });
  await mkdir(source);
  const files = globSync('proto/pemmican/**/*.proto', { cwd: REPOSITORY_FOLDER }).sort();
  // google.rpc is a package of its own, which grpcio-status brings.
  await run(
    python,
    ['-m', 'grpc_tools.protoc', '-Iproto', ...['python', 'pyi', 'grpc_python'].map((kind) => `--${kind}_out=${source}`), ...files],
    { folder: REPOSITORY_FOLDER },
  ); // prettier-ignore
  for (const folder of globSync(path.join(source, 'pemmican', '*', '*')))
    await writeFile(path.join(folder, 'py.typed'), '');
  await pip('wheel', '--no-deps', '--no-build-isolation', '--wheel-dir', dist, FOLDER);
  return onlyFile(dist, '.whl');
}

/** Installs the package into a folder for PYTHONPATH; what it needs is in the environment. */
export async function installPython(wheel: string, folder: string): Promise<void> {
  await ensurePython();
  await pip('install', '--no-compile', '--no-deps', '--target', folder, wheel);
}
