import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cacheFolder, TENSORFLOW_BUILDS, type Device } from '@pemmican/setup';
import { writeTar, type TarEntry } from '../archive/tar.ts';
import { REPOSITORY_FOLDER, type ServiceName } from '../services.ts';
import { applicationEntries, text, withParents } from './application-entries.ts';
import { billOfMaterials, npmUrl, type OtherComponent } from './bill-of-materials.ts';
import { packageClosure } from './package-closure.ts';
import { tensorflowParts } from './tensorflow-entries.ts';

/** Name of the bill of materials, in the image and beside what it is built of. */
export const BILL_OF_MATERIALS = 'sbom.cdx.json';

/** A folder that `docker build` makes an image of. */
export interface BuildContext {
  readonly folder: string;
  readonly version: string;
}

/** Where a service's context lies when no other folder is named. */
export function contextFolder(service: ServiceName, device: Device): string {
  return path.join(cacheFolder(), 'images', device === 'gpu' ? `${service}-cuda` : service);
}

/**
 * Writes everything that a service's image is built of: Dockerfile, the archive of the application, that of TensorFlow where the
 * service runs it, and the bill of materials. The same sources and packages give the same bytes.
 */
export async function makeContext(
  service: ServiceName,
  device: Device,
  folder: string,
  report: (line: string) => void,
): Promise<BuildContext> {
  const workspace = `services/${service}`;
  const closure = packageClosure(REPOSITORY_FOLDER, workspace);
  const { name, version } = JSON.parse(
    await readFile(path.join(REPOSITORY_FOLDER, workspace, 'package.json'), 'utf8'),
  ) as { readonly name: string; readonly version: string };
  await mkdir(folder, { recursive: true });
  const entries = applicationEntries(REPOSITORY_FOLDER, closure);
  const others: OtherComponent[] = [];
  if (closure.ownPackages.has('@pemmican/engine')) {
    const parts = await tensorflowParts(device, report);
    await writeOnce(path.join(folder, 'tensorflow.tar'), withParents(parts.entries));
    others.push(...tensorflowComponents(device, parts.package));
  }
  const bill = billOfMaterials({ name, version }, closure, others);
  const probe = await readFile(path.join(import.meta.dirname, '../in-image/probe.ts'), 'utf8');
  entries.push(text(BILL_OF_MATERIALS, bill), text('probe.ts', probe));
  await writeWhole(path.join(folder, 'application.tar'), withParents(entries));
  await writeFile(path.join(folder, BILL_OF_MATERIALS), bill);
  await copyFile(path.join(REPOSITORY_FOLDER, `deploy/images/${service}.Dockerfile`), path.join(folder, 'Dockerfile'));
  return { folder, version };
}

function tensorflowComponents(
  device: Device,
  addon: { readonly name: string; readonly version: string },
): OtherComponent[] {
  const { wheel, runtimeWheels } = TENSORFLOW_BUILDS[device];
  return [
    { ...addon, license: 'Apache-2.0', purl: npmUrl(addon.name, addon.version) },
    ...[wheel, ...runtimeWheels].map(({ project, version, digest }) => ({
      name: project,
      version,
      license: project.startsWith('nvidia-') ? 'LicenseRef-NVIDIA-Proprietary' : 'Apache-2.0',
      purl: `pkg:pypi/${project}@${version}`,
      sha256: digest,
    })),
  ];
}

/** Large files that never change: written again only when other files make it up. */
async function writeOnce(file: string, entries: readonly TarEntry[]): Promise<void> {
  const parts = await Promise.all(
    entries.map(async (entry) => {
      if (entry.type !== 'file' || !('source' in entry)) return entry;
      const { source, ...rest } = entry;
      return { ...rest, modifiedMs: (await stat(source)).mtimeMs };
    }),
  );
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  const stamp = `${file}.inputs`;
  if (existsSync(file) && (await readFile(stamp, 'utf8').catch(() => '')) === digest) return;
  await rm(stamp, { force: true });
  await writeWhole(file, entries);
  await writeFile(stamp, digest);
}

async function writeWhole(file: string, entries: readonly TarEntry[]): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await writeTar(temporary, entries);
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}
