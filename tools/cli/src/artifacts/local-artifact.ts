import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';

import type { ByteSource } from '@pemmican/safetensors';
import { StorageError, openByteSource, openFolder } from '@pemmican/storage';

import { usageError } from '../cli-error.ts';
import { isUri } from '../options/location.ts';

/** Bytes of a message: of some 16 that gRPC holds for a server that is slower. */
const CHUNK_BYTES = 256 * 1024;

/** A file that is to be uploaded. */
export interface LocalFile {
  /** Name inside the artifact. */
  readonly fileName: string;
  readonly path: string;
  readonly sizeBytes: number;
  /** `sha256:<hex>` */
  readonly digest: string;
}

/** A folder or file that is to be uploaded. */
export interface LocalSource {
  readonly path: string;
  /** What its files' names in the artifact begin with: nothing, or `model/`. */
  readonly prefix: string;
}

/**
 * Finds and reads the files of folders, and single files.
 * @param onBytes called with the share of the bytes that was read
 * @throws CliError for what cannot be uploaded
 */
export async function readLocalFiles(
  sources: readonly LocalSource[],
  signal: AbortSignal,
  onBytes: (share: number) => void,
): Promise<LocalFile[]> {
  return told(async () => {
    const paths = (await Promise.all(sources.map(findFiles))).flat();
    const sizes = await Promise.all(paths.map(async (file) => (await stat(file.path)).size));
    const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
    let readBytes = 0;
    const files: LocalFile[] = [];
    for (const file of paths) {
      const hash = createHash('sha256');
      let sizeBytes = 0;
      for await (const chunk of chunksOf(file.path, 0)) {
        signal.throwIfAborted();
        hash.update(chunk);
        sizeBytes += chunk.length;
        readBytes += chunk.length;
        onBytes(readBytes / Math.max(1, totalBytes));
      }
      files.push({ ...file, sizeBytes, digest: `sha256:${hash.digest('hex')}` });
    }
    return files;
  });
}

async function findFiles(source: LocalSource): Promise<Pick<LocalFile, 'fileName' | 'path'>[]> {
  if (isUri(source.path)) throw usageError(`${source.path}: a file or folder of this machine is uploaded, not a URI`);
  const root = path.resolve(source.path);
  const isFolder = (await stat(root)).isDirectory();
  const names = isFolder ? await (await openFolder(root)).list() : [path.basename(root)];
  if (names.length === 0) throw usageError(`${root}: the folder has no files`);
  return names.map((name) => ({ fileName: source.prefix + name, path: isFolder ? path.join(root, name) : root }));
}

/** A file's bytes from an offset on. */
export async function* chunksOf(file: string, offset: number): AsyncGenerator<Uint8Array, void, undefined> {
  let source: ByteSource | undefined;
  try {
    source = await openByteSource(file);
    for (let position = offset; position < source.sizeBytes; position += CHUNK_BYTES) {
      // Each chunk has bytes of its own: gRPC keeps them until they are sent.
      const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, source.sizeBytes - position));
      await source.read(position, chunk);
      yield chunk;
    }
  } finally {
    await source?.close();
  }
}

async function told<Result>(action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof StorageError) throw usageError(error.message, { cause: error, reason: error.code });
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw usageError(error.message, { cause: error, reason: 'NOT_FOUND' });
    throw error;
  }
}
