import { createHash } from 'node:crypto';
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';

import { downloadFile, type ListFileEntry } from '@huggingface/hub';

import { StorageError } from './error.ts';

export interface FetchFileOptions {
  readonly repository: string;
  readonly revision: string;
  readonly file: ListFileEntry;
  /** Where the file goes; `PATH.part` holds it while it comes. */
  readonly path: string;
  readonly connection: { readonly hubUrl?: string; readonly accessToken?: string; readonly fetch: typeof fetch };
  readonly signal?: AbortSignal;
  readonly onProgress: (fileBytes: number) => void;
}

// A link that drops is tried again from where it stopped; one that never gives a byte is not.
const MAX_ATTEMPTS = 5;
const RETRY_DELAY_MS = 500;

/**
 * Fetches one file, continuing what an earlier attempt has left, and checks it against the digest that the hub names.
 * @throws StorageError DOWNLOAD_FAILED
 */
export async function fetchFile(options: FetchFileOptions): Promise<void> {
  const { path, file, onProgress } = options;
  if ((await sizeOf(path)) === file.size) return onProgress(file.size);
  const part = `${path}.part`;
  for (let attempt = 1; ; attempt++) {
    const before = await sizeOf(part);
    try {
      await appendRest(options, part, before > file.size ? 0 : before);
      break;
    } catch (error) {
      const hasMoved = (await sizeOf(part)) > before;
      if (error instanceof StorageError || options.signal?.aborted === true) throw error;
      if (attempt >= MAX_ATTEMPTS || (!hasMoved && attempt > 1)) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS * attempt));
    }
  }
  await checkDigest(part, file, `hf:${options.repository}@${options.revision}/${file.path}`);
  await rename(part, path);
}

async function appendRest(options: FetchFileOptions, part: string, from: number): Promise<void> {
  const { repository, revision, file, connection, onProgress } = options;
  const name = `hf:${repository}@${revision}/${file.path}`;
  const handle = await open(part, from === 0 ? 'w' : 'r+');
  try {
    if (from < file.size) {
      const blob = await downloadFile({ repo: repository, path: file.path, revision, ...connection });
      if (blob === null) throw new StorageError('DOWNLOAD_FAILED', name, 'the hub lists the file but does not have it');
      if (blob.size !== file.size)
        throw new StorageError('DOWNLOAD_FAILED', name, `has ${blob.size} bytes, the hub lists ${file.size}`);
      await appendStream((from === 0 ? blob : blob.slice(from)).stream(), handle, from, file.size, name, onProgress);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function appendStream(
  stream: ReadableStream<Uint8Array>,
  handle: FileHandle,
  from: number,
  sizeBytes: number,
  name: string,
  onProgress: (fileBytes: number) => void,
): Promise<void> {
  let position = from;
  for await (const chunk of stream) {
    if (position + chunk.length > sizeBytes)
      throw new StorageError('DOWNLOAD_FAILED', name, `more than the listed ${sizeBytes} bytes came`);
    let done = 0;
    while (done < chunk.length)
      done += (await handle.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
    position += chunk.length;
    onProgress(position);
  }
  if (position !== sizeBytes) throw new Error(`the transfer ended after ${position} of ${sizeBytes} bytes`);
}

/** Large files are listed with their SHA-256, others with git's blob id. */
async function checkDigest(path: string, file: ListFileEntry, name: string): Promise<void> {
  const expected = file.lfs?.oid ?? file.oid;
  if (expected === undefined) return;
  const hash = file.lfs === undefined ? createHash('sha1').update(`blob ${file.size}\0`) : createHash('sha256');
  const handle = await open(path, 'r');
  try {
    for await (const chunk of handle.createReadStream({ autoClose: false, highWaterMark: 1024 * 1024 }))
      hash.update(chunk as Uint8Array);
  } finally {
    await handle.close();
  }
  const actual = hash.digest('hex');
  if (actual === expected.replace(/^sha256:/, '')) return;
  await rm(path, { force: true });
  throw new StorageError(
    'DOWNLOAD_FAILED',
    name,
    `arrived damaged: its digest is ${actual}, the hub lists ${expected}; run it again`,
  );
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (status) => status.size,
    () => 0,
  );
}
