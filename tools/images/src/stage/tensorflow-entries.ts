import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { ensureTensorflow, type Device } from '@pemmican/setup';
import { findAddon } from '@pemmican/engine';
import type { TarEntry } from '../archive/tar.ts';
import { ImagesError } from '../error.ts';
import { APPLICATION_FOLDER } from './application-entries.ts';

const PACKAGES: Readonly<Record<Device, string>> = {
  cpu: '@tensorflow/tfjs-node',
  gpu: '@tensorflow/tfjs-node-gpu',
};

/** TensorFlow's libraries and the addon that runs them, as `@pemmican/engine` looks for them. */
export interface TensorflowParts {
  readonly entries: readonly TarEntry[];
  readonly package: { readonly name: string; readonly version: string };
}

/**
 * Sets TensorFlow up where it is not, and gives the files of it that a run loads.
 * @throws SetupError where it cannot be set up
 */
export async function tensorflowParts(device: Device, report: (line: string) => void): Promise<TensorflowParts> {
  await ensureTensorflow(device, { onProgress: report });
  const addon = findAddon(device);
  if (addon === undefined) throw new ImagesError('MALFORMED', `TensorFlow for ${device} is set up and has no addon`);
  const name = PACKAGES[device];
  const packageFile = createRequire(import.meta.url).resolve(`${name}/package.json`);
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { readonly version: string };
  const packageFolder = path.dirname(packageFile);
  const target = `${APPLICATION_FOLDER}/node_modules/${name}`;
  const manifest = `${JSON.stringify({ name, version })}\n`;
  const entries: TarEntry[] = [
    { type: 'file', path: `${target}/package.json`, content: Buffer.from(manifest) },
    fileEntry(`${target}/lib/napi-v8/${path.basename(addon)}`, addon),
  ];
  // Headers are for the compiler. Unversioned names are the linker's.
  const libraries = path.join(packageFolder, 'deps');
  for (const entry of readdirSync(libraries, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (!/\.so\.[\d.]+$/.test(entry.name)) continue;
    const at = `${target}/deps/${path.relative(libraries, file)}`;
    if (lstatSync(file).isSymbolicLink()) entries.push({ type: 'link', path: at, target: readlinkSync(file) });
    else entries.push(fileEntry(at, file));
  }
  return { entries, package: { name, version } };
}

function fileEntry(at: string, source: string): TarEntry {
  return { type: 'file', path: at, source, sizeBytes: statSync(source).size };
}
