import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { cacheFolder } from './cache.ts';
import { fileDigest } from './digest.ts';
import { SetupError } from './error.ts';
import { requireSpace } from './free-space.ts';
import { formatBytes, secondsSince, type SetupOptions } from './progress.ts';

/** A file of a package registry, named by its digest. */
export interface PinnedFile {
  /** Name in file names and messages. */
  readonly label: string;
  /** Exact version. */
  readonly version: string;
  /** With its dot. */
  readonly extension: '.whl' | '.tgz';
  /** SHA-256 of the file, in hexadecimal. */
  readonly digest: string;
  /** Size, where it is known, for the free-space check and the progress. */
  readonly sizeBytes?: number;
}

/** Puts the file, and no other of its extension, into an empty folder. */
export type FetchFile = (folder: string, isCacheAllowed: boolean) => Promise<void>;

const REPORT_EVERY_MS = 10_000;

async function onlyFile(folder: string, extension: string): Promise<string | undefined> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(extension));
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
 * The file in the cache, downloaded if it is not there. A file whose digest is another is removed; the download is tried
 * once more without the package manager's own cache, in case that holds a cut-off file.
 * @throws SetupError DOWNLOAD_FAILED, DIGEST_MISMATCH, NO_SPACE, MISSING_TOOL
 */
export async function ensureDownload(file: PinnedFile, fetch: FetchFile, options: SetupOptions): Promise<string> {
  const downloads = path.join(cacheFolder(), 'downloads');
  // The digest in the name: a file of another version or of a killed rename is never looked at.
  const name = `${file.label}-${file.version}-${file.digest.slice(0, 16)}${file.extension}`;
  const place = path.join(downloads, name);
  if (existsSync(place)) {
    if ((await fileDigest(place)) === file.digest) return place;
    options.onProgress?.(`${name} is damaged; downloading it again`);
    await rm(place, { force: true });
  }
  await mkdir(downloads, { recursive: true });
  if (file.sizeBytes !== undefined) await requireSpace(downloads, 2 * file.sizeBytes, `${file.label}'s download`);
  let found = '';
  for (const isCacheAllowed of [true, false]) {
    found = await download(file, place, (folder) => fetch(folder, isCacheAllowed), options);
    if (found === file.digest) return place;
  }
  throw new SetupError(
    'DIGEST_MISMATCH',
    `${file.label} ${file.version} has SHA-256 ${found}, ${file.digest} is expected; the file was removed`,
  );
}

/** Downloads into a folder of its own; only a file with the right digest gets the name `place`. */
async function download(
  file: PinnedFile,
  place: string,
  fetch: (folder: string) => Promise<void>,
  options: SetupOptions,
): Promise<string> {
  const label = `${file.label} ${file.version}`;
  const size = file.sizeBytes === undefined ? '' : ` of ${formatBytes(file.sizeBytes)}`;
  const folder = await mkdtemp(path.join(path.dirname(place), '.partial-'));
  const begin = performance.now();
  const timer = setInterval(() => {
    void largestFileBytes(folder).then((bytes) =>
      options.onProgress?.(`${label}: ${formatBytes(bytes)}${size} so far`),
    );
  }, REPORT_EVERY_MS);
  try {
    await fetch(folder);
    const downloaded = await onlyFile(folder, file.extension);
    if (downloaded === undefined) {
      throw new SetupError('DOWNLOAD_FAILED', `The download of ${label} gave no ${file.extension} file`);
    }
    const digest = await fileDigest(downloaded);
    if (digest === file.digest) {
      const { size: sizeBytes } = await stat(downloaded);
      await rename(downloaded, place);
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
