import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { SetupError } from '../error.ts';
import type { SetupOptions } from '../progress.ts';
import { runCommand } from '../run-command.ts';
import { ensureProgram, type FoundProgram, type ProgramSource } from './program.ts';

// What Debian leaves out of the package, as other packages have it too: the page's scripts and symbols.
const PAGE_PACKAGE = /^(?:libjs|fonts)-\S+$/gm;
const DEPENDENCIES_ONLY = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
  (kind) => `--no-${kind}`,
);

/** A network that drops what is sent to it should not hold a set-up, or a test, for ever. */
const DOWNLOAD_TIMEOUT_MS = 120_000;
const LOCAL_TIMEOUT_MS = 60_000;

/** The distribution's own package, which apt checks by the distribution's signature; unpacked, not installed. */
const PROMETHEUS: ProgramSource = {
  name: 'prometheus',
  variable: 'PEMMICAN_PROMETHEUS',
  command: 'prometheus',
  recipe: "procedure 1; the distribution's packages",
  sizeBytes: 200e6,
  inFolder: (folder) => ({
    command: path.join(folder, 'usr/bin/prometheus'),
    args: [`--web.local-assets=${path.join(folder, 'usr/share/prometheus/web')}/`],
  }),
  make: unpackPackages,
};

async function unpackPackages(folder: string, options: SetupOptions): Promise<void> {
  options.onProgress?.("prometheus: downloading the distribution's package (20 MB)");
  const listed = await runCommand('apt-cache', ['depends', '--recurse', ...DEPENDENCIES_ONLY, 'prometheus'], {
    timeoutMs: LOCAL_TIMEOUT_MS,
  });
  if (listed.code !== 0)
    throw new SetupError(
      'MISSING_TOOL',
      'Prometheus comes from the packages of Debian or Ubuntu, and `apt-cache depends prometheus` finds none: run ' +
        '`apt-get update` as root, or set PEMMICAN_PROMETHEUS to the program',
    );
  const names = ['prometheus', ...new Set(listed.stdout.match(PAGE_PACKAGE))];
  // apt's own check of who reads the folder is no business of a download that changes nothing.
  const { code, output } = await runCommand('apt-get', ['-qq', 'download', ...names], {
    folder,
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
  });
  if (code !== 0) throw new SetupError('DOWNLOAD_FAILED', `apt-get could not download prometheus:\n${output.trim()}`);
  const packages = (await readdir(folder)).filter((name) => name.endsWith('.deb'));
  for (const file of packages) {
    const unpacked = await runCommand('dpkg-deb', ['--extract', file, '.'], { folder, timeoutMs: LOCAL_TIMEOUT_MS });
    if (unpacked.code !== 0) throw new SetupError('MALFORMED', `${file}:\n${unpacked.output.trim()}`);
    await rm(path.join(folder, file));
  }
  await rm(path.join(folder, 'usr/bin/promtool'), { force: true });
}

/**
 * Prometheus: what `PEMMICAN_PROMETHEUS` names, else the path's, else the one in the cache, made of the distribution's packages where it
 * is nowhere yet: some seconds.
 * @throws SetupError MISSING_TOOL, DOWNLOAD_FAILED, MALFORMED, NO_SPACE
 */
export function ensurePrometheus(options: SetupOptions = {}): Promise<FoundProgram> {
  return ensureProgram(PROMETHEUS, options);
}
