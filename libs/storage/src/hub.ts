import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { HubApiError, listFiles, modelInfo, type ListFileEntry } from '@huggingface/hub';

import { StorageError, storageError } from './error.ts';
import { checkFileName } from './file-name.ts';
import { fetchFile } from './hub-file.ts';
import type { HubOptions } from './hub-options.ts';
import { createTag, isTagAlive } from './temporary-folder.ts';

const COMMIT = /^[0-9a-f]{40}$/;
// Marks a folder that its writer has given up.
const LEFT = 'left-';
const MAX_LISTED_FILE_COUNT = 10_000;

const COMPANION_FILES: readonly string[] = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'sentencepiece.bpe.model',
  'spiece.model',
  'tokenizer.model',
  'pemmican-token-id-map.json',
];
const WEIGHTS_FILE = 'model.safetensors';
const INDEX_FILE = 'model.safetensors.index.json';
const SHARD_FILE = /^model-\d{5,6}-of-\d{5,6}\.safetensors$/;

/**
 * Fetches the files of a model that pemmican reads, unless its commit is in the cache already. A fetch that was cut off is
 * continued by the next; a folder in the cache is always whole.
 * @returns the local folder
 * @throws StorageError DOWNLOAD_FAILED, NOT_FOUND, ACCESS_DENIED, DISK_FULL; HUB_DISABLED for what would have to be fetched offline
 */
export async function downloadModel(repository: string, revision: string, options: HubOptions): Promise<string> {
  const name = `hf:${repository}@${revision}`;
  const home = join(options.cacheFolder, 'hub', `models--${repository.replaceAll('/', '--')}`);
  try {
    if (COMMIT.test(revision) && (await isFolder(join(home, revision)))) return join(home, revision);
    const reference = join(home, 'refs', revision);
    if (options.isOffline === true) return await cachedFolder(home, reference, name);
    const commit = await resolveCommit(repository, revision, { home, reference }, options);
    const folder = join(home, commit);
    if (!(await isFolder(folder))) await fillFolder(repository, commit, folder, options);
    await mkdir(dirname(reference), { recursive: true });
    await writeFile(reference, commit);
    return folder;
  } catch (error) {
    throw hubError(error, name);
  }
}

/** What a branch or tag was when it was last fetched. */
async function cachedFolder(home: string, reference: string, name: string): Promise<string> {
  const known = await knownCommit(home, reference);
  if (known !== undefined) return join(home, known);
  throw new StorageError('HUB_DISABLED', name, 'models are not fetched from the hub here (HF_HUB_OFFLINE is set)');
}

/** The commit that a reference was last known to be, where its folder is there. */
async function knownCommit(home: string, reference: string): Promise<string | undefined> {
  const commit = (await readFile(reference, 'utf8').catch(() => '')).trim();
  return COMMIT.test(commit) && (await isFolder(join(home, commit))) ? commit : undefined;
}

/** The commit of a branch or tag; when the hub cannot be reached, the one it was when last fetched. */
async function resolveCommit(
  repository: string,
  revision: string,
  { home, reference }: { readonly home: string; readonly reference: string },
  options: HubOptions,
): Promise<string> {
  try {
    const { sha } = await modelInfo({ name: repository, revision, additionalFields: ['sha'], ...connection(options) });
    if (typeof sha !== 'string' || !COMMIT.test(sha))
      throw new StorageError('DOWNLOAD_FAILED', repository, 'the hub names no commit');
    return sha;
  } catch (error) {
    if (error instanceof HubApiError || error instanceof StorageError || options.signal?.aborted === true) throw error;
    const known = await knownCommit(home, reference);
    if (known === undefined) throw error;
    return known;
  }
}

async function fillFolder(repository: string, commit: string, folder: string, options: HubOptions): Promise<void> {
  const files = await filesToFetch(repository, commit, options);
  const totalBytes = files.reduce((total, { size }) => total + size, 0);
  const partial = await takeOverPartial(folder);
  const { bavail, bsize } = await statfs(partial);
  const missingBytes = totalBytes - (await sizeOfFiles(partial));
  if (bavail * bsize < missingBytes) {
    throw new StorageError(
      'DISK_FULL',
      folder,
      `needs ${missingBytes} more bytes, the disk has ${bavail * bsize} free`,
    );
  }
  try {
    await fetchFiles(repository, commit, files, partial, options);
  } catch (error) {
    // What has come serves the next attempt, also one of this process.
    await rename(partial, `${folder}.${LEFT}${randomUUID()}.partial`);
    throw error;
  }
  await syncFolder(partial);
  await rename(partial, folder).catch(async (error: unknown) => {
    // Another process was faster with the same commit.
    if (!(await isFolder(folder))) throw error;
    await rm(partial, { recursive: true, force: true });
  });
  await syncFolder(dirname(folder));
}

async function fetchFiles(
  repository: string,
  commit: string,
  files: readonly ListFileEntry[],
  folder: string,
  options: HubOptions,
): Promise<void> {
  const totalBytes = files.reduce((total, { size }) => total + size, 0);
  let doneBytes = 0;
  for (const file of files) {
    await fetchFile({
      repository,
      revision: commit,
      file,
      path: join(folder, file.path),
      connection: connection(options),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onProgress: (fileBytes) =>
        options.onProgress?.({ fileName: file.path, doneBytes: doneBytes + fileBytes, totalBytes }),
    });
    doneBytes += file.size;
  }
}

async function filesToFetch(repository: string, commit: string, options: HubOptions): Promise<ListFileEntry[]> {
  const files: ListFileEntry[] = [];
  let count = 0;
  for await (const entry of listFiles({ repo: repository, revision: commit, ...connection(options) })) {
    if (++count > MAX_LISTED_FILE_COUNT)
      throw new StorageError('TOO_MANY_FILES', repository, `lists more than ${MAX_LISTED_FILE_COUNT} files`);
    if (entry.type === 'file') files.push(entry);
  }
  const names = new Set(files.map(({ path }) => path));
  const isWeights = (path: string): boolean =>
    names.has(WEIGHTS_FILE) ? path === WEIGHTS_FILE : path === INDEX_FILE || SHARD_FILE.test(path);
  const wanted = files.filter(({ path }) => COMPANION_FILES.includes(path) || isWeights(path));
  if (!wanted.some(({ path }) => isWeights(path))) {
    throw new StorageError('NOT_FOUND', `hf:${repository}@${commit}`, `has neither ${WEIGHTS_FILE} nor ${INDEX_FILE}`);
  }
  // Small files first: what is wrong with a model shows there, before a gigabyte has come.
  return wanted
    .map((file) => ({ ...file, path: checkFileName(repository, file.path) }))
    .sort((a, b) => a.size - b.size);
}

/** The unfinished folder of an earlier fetch whose process is gone, made ours by a rename; or a new one. */
async function takeOverPartial(folder: string): Promise<string> {
  const ours = `${folder}.${createTag()}.partial`;
  const home = dirname(folder);
  await mkdir(home, { recursive: true });
  for (const name of await readdir(home)) {
    const path = join(home, name);
    const tag =
      path.startsWith(`${folder}.`) && path.endsWith('.partial')
        ? path.slice(folder.length + 1, -'.partial'.length)
        : undefined;
    if (tag === undefined || (!tag.startsWith(LEFT) && isTagAlive(tag))) continue;
    const isOurs = await rename(path, ours).then(
      () => true,
      () => false,
    );
    if (isOurs) return ours;
  }
  await mkdir(ours);
  return ours;
}

function connection({ endpoint, accessToken, signal }: HubOptions): {
  hubUrl?: string;
  accessToken?: string;
  fetch: typeof fetch;
} {
  return {
    ...(endpoint === undefined ? {} : { hubUrl: endpoint }),
    ...(accessToken === undefined ? {} : { accessToken }),
    fetch: (input, init) => fetch(input, signal === undefined ? init : { ...init, signal }),
  };
}

function hubError(error: unknown, name: string): unknown {
  if (error instanceof StorageError) return error;
  if (error instanceof HubApiError) {
    if (error.statusCode === 401 || error.statusCode === 403) {
      return new StorageError(
        'ACCESS_DENIED',
        name,
        'the hub denies access; is the name right, and does HF_TOKEN have access to it?',
        { cause: error },
      );
    }
    if (error.statusCode === 404)
      return new StorageError('NOT_FOUND', name, 'the hub has no such model or revision', { cause: error });
    return new StorageError('DOWNLOAD_FAILED', name, `the hub answered ${error.statusCode}: ${error.message}`, {
      cause: error,
    });
  }
  const known = storageError(error, name);
  if (known !== error || (error instanceof Error && error.name === 'AbortError')) return known;
  const cause =
    error instanceof Error && error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : String(error);
  return new StorageError(
    'DOWNLOAD_FAILED',
    name,
    `the hub could not be reached or the transfer was cut off (${cause}); run it again to continue`,
    { cause: error },
  );
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}

async function sizeOfFiles(path: string): Promise<number> {
  const names = await readdir(path);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(path, name))).size));
  return sizes.reduce((total, size) => total + size, 0);
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
