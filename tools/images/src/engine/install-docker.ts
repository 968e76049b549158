import { existsSync } from 'node:fs';
import path from 'node:path';
import { ImagesError } from '../error.ts';
import { runCommand } from '@pemmican/setup';

// Debian's and Ubuntu's packages of the engine, its client and what it sets networks up with.
const PACKAGES = ['docker.io', 'iproute2'];
const ADMINISTRATORS_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Finds a program as a shell would, also where only administrators' paths lead. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), ...ADMINISTRATORS_FOLDERS];
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}

/**
 * Installs Docker's engine from the system's packages where it is missing.
 * @throws ImagesError NO_ENGINE where the system has no apt-get or this user may not use it, MISSING_TOOL where it fails
 */
export async function ensureDockerInstalled(report: (line: string) => void): Promise<void> {
  if (findProgram('dockerd') !== undefined && findProgram('docker') !== undefined) return;
  if (findProgram('apt-get') === undefined || process.getuid?.() !== 0)
    throw new ImagesError(
      'NO_ENGINE',
      'No Docker engine answers, and it cannot be installed here: that takes root and apt-get. ' +
        'Start an engine, or name one with DOCKER_HOST',
    );
  const begin = performance.now();
  report(`installing ${PACKAGES.join(', ')}`);
  const environment = { DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...PACKAGES],
  ]) {
    const { code, output } = await runCommand('apt-get', args, { environment });
    if (code !== 0)
      throw new ImagesError('MISSING_TOOL', `apt-get ${args[0]} failed with ${code}:\n${output.trim().slice(-4000)}`);
  }
  if (findProgram('dockerd') === undefined)
    throw new ImagesError('MISSING_TOOL', `${PACKAGES.join(', ')} are installed, but there is no dockerd`);
  report(`installed in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
}
