import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';
import type { TarEntry } from '../archive/tar.ts';
import { ImagesError } from '../error.ts';
import { IMAGE_USER_ID } from '../services.ts';
import type { PackageClosure } from './package-closure.ts';

/** Where everything of ours is in an image. */
export const APPLICATION_FOLDER = 'app';
/** Folders that a service writes to, both volumes: what it keeps, and models and data that callers name. */
export const STATE_FOLDER = 'var/lib/pemmican';
export const ARTIFACTS_FOLDER = 'data';

// What nothing loads when a service runs: types, maps for debuggers, sources of addons, tests, documentation.
const IS_UNUSED_FILE =
  /\.(?:map|ts|mts|cts|tsx|flow|md|markdown|cc|cpp|hh|h|gyp|gypi|tsbuildinfo)$|(?:\.|_)(?:spec|test)\.[cm]?js$/;
const IS_UNUSED_FOLDER = /^(?:\.github|\.vscode|__tests__|tests?|docs?|examples?|benchmarks?|man|typings)$/;
const IS_LICENSE = /^(?:licen[cs]e|notice|copying)/i;
// Copies of packages for bundlers and browsers, where Node loads another one, and for a C library that images do not have.
const IS_UNUSED_COPY = /\/@(?:aws-sdk|smithy|aws)\/[^/]+\/dist-es$|\/yaml\/browser$|\/koffi-linux-x64\/musl_x64$/;
const IS_OWN_TEST = /\.test\.ts$/;

/**
 * The entries of a service's application: its sources and those of our libraries that it imports, which Node runs as they are,
 * and the npm packages that they need.
 */
export function applicationEntries(repositoryFolder: string, closure: PackageClosure): TarEntry[] {
  const files = new Map<string, TarEntry>();
  const add = (entry: TarEntry): void => void files.set(entry.path, entry);
  for (const [name, location] of closure.ownPackages) {
    // Node strips types of sources that lie outside of node_modules only: packages of ours are links, as in the repository.
    const target = path.posix.relative(path.posix.dirname(`node_modules/${name}`), location);
    add({ type: 'link', path: `${APPLICATION_FOLDER}/node_modules/${name}`, target });
    addFile(add, repositoryFolder, `${location}/package.json`);
    addFolder(
      add,
      repositoryFolder,
      `${location}/src`,
      (file) => !IS_OWN_TEST.test(file),
      () => true,
    );
  }
  for (const { location } of closure.installedPackages)
    addFolder(add, repositoryFolder, location, isUsedFile, (folder) => isUsedFolder(folder, location));
  add(text('package.json', `${JSON.stringify({ name: 'pemmican', private: true, type: 'module' })}\n`));
  addFile(add, repositoryFolder, 'LICENSE');
  const owned = { userId: IMAGE_USER_ID, groupId: IMAGE_USER_ID, mode: 0o750 };
  for (const folder of [STATE_FOLDER, ARTIFACTS_FOLDER]) add({ type: 'folder', path: folder, ...owned });
  return [...files.values()];
}

/** A small file of the application. */
export function text(name: string, content: string): TarEntry {
  return { type: 'file', path: `${APPLICATION_FOLDER}/${name}`, content: Buffer.from(content) };
}

/**
 * Adds the folders that entries lie in and that have no entry of their own. Also those that another layer has made: whoever adds to a
 * folder changes its time, and the entry sets it to the epoch again.
 */
export function withParents(entries: readonly TarEntry[]): TarEntry[] {
  const paths = new Set(entries.map((entry) => entry.path));
  const parents: TarEntry[] = [];
  for (const entry of entries) {
    for (let folder = path.posix.dirname(entry.path); folder !== '.'; folder = path.posix.dirname(folder)) {
      if (paths.has(folder)) continue;
      paths.add(folder);
      parents.push({ type: 'folder', path: folder });
    }
  }
  return [...entries, ...parents];
}

function isUsedFile(file: string): boolean {
  return IS_LICENSE.test(path.posix.basename(file)) || !IS_UNUSED_FILE.test(file);
}

function isUsedFolder(folder: string, packageLocation: string): boolean {
  const name = path.posix.basename(folder);
  // Packages within a package have entries of their own in the lock file.
  if (name === 'node_modules' || IS_UNUSED_COPY.test(folder)) return false;
  return path.posix.dirname(folder) !== packageLocation || !IS_UNUSED_FOLDER.test(name);
}

function addFolder(
  add: (entry: TarEntry) => void,
  repositoryFolder: string,
  folder: string,
  isFileUsed: (file: string) => boolean,
  isFolderUsed: (folder: string) => boolean,
): void {
  const names = readdirSync(path.join(repositoryFolder, folder), { withFileTypes: true });
  for (const entry of names) {
    const at = `${folder}/${entry.name}`;
    if (entry.isDirectory() && isFolderUsed(at)) addFolder(add, repositoryFolder, at, isFileUsed, isFolderUsed);
    else if (entry.isSymbolicLink())
      add({ type: 'link', path: `${APPLICATION_FOLDER}/${at}`, target: readlinkSync(path.join(repositoryFolder, at)) });
    else if (entry.isFile() && isFileUsed(at)) addFile(add, repositoryFolder, at);
  }
}

function addFile(add: (entry: TarEntry) => void, repositoryFolder: string, file: string): void {
  const source = path.join(repositoryFolder, file);
  const stats = statSync(source, { throwIfNoEntry: false });
  if (stats === undefined) throw new ImagesError('MALFORMED', `${file} is not there`);
  // The owner's bit alone counts: what else a clone's files have depends on its umask.
  const mode = (stats.mode & 0o100) === 0 ? 0o644 : 0o755;
  add({ type: 'file', path: `${APPLICATION_FOLDER}/${file}`, mode, content: readFileSync(source) });
}
