import { mkdtemp, mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CLIENTS_FOLDER, REPOSITORY_FOLDER } from './places.ts';
import { run } from './run.ts';

const FOLDER = path.join(CLIENTS_FOLDER, 'typescript');

/**
 * Builds the npm package `@pemmican/client`.
 * @returns the tarball, as it would be published
 */
export async function packTypescript(): Promise<string> {
  await rm(path.join(FOLDER, 'dist'), { recursive: true, force: true });
  await run('tsc', ['-p', 'tsconfig.build.json'], { folder: FOLDER });
  const [packed] = JSON.parse(
    await run('npm', ['pack', '--json', '--pack-destination', 'dist'], { folder: FOLDER }),
  ) as { filename: string }[];
  if (packed === undefined) throw new Error('npm pack packed nothing');
  return path.join(FOLDER, 'dist', packed.filename);
}

/** Unpacks the package into a project's node_modules, beside the packages that it needs, which the repository has. */
export async function installTypescript(tarball: string, project: string): Promise<void> {
  const modules = path.join(project, 'node_modules');
  await mkdir(path.join(modules, '@pemmican'), { recursive: true });
  const unpacked = await mkdtemp(path.join(modules, '.unpacked-'));
  await run('tar', ['-xzf', tarball, '-C', unpacked]);
  await rename(path.join(unpacked, 'package'), path.join(modules, '@pemmican', 'client'));
  await rm(unpacked, { recursive: true });
  for (const scope of ['@grpc', '@bufbuild'])
    await run('ln', ['-s', path.join(REPOSITORY_FOLDER, 'node_modules', scope), modules]);
}
