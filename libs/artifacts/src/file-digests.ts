import { createHash } from 'node:crypto';
import { constants, type BigIntStats } from 'node:fs';
import { open } from 'node:fs/promises';
import { StorageError } from '@pemmican/storage';

/** Files whose digest is remembered: some 200 bytes each. */
const MAX_REMEMBERED = 10_000;
const CHUNK_BYTES = 1024 * 1024;

/** What tells a file's contents from others without reading them. */
export function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

export function changed(file: string): StorageError {
  return new StorageError('CHANGED_WHILE_READ', file, 'was changed while it was read');
}

/**
 * SHA-256 of files, remembered by their version: a download that goes on after a break does not wait for it again. A file is read
 * to its end whoever still waits for it, and once at a time.
 */
export class FileDigests {
  readonly #known = new Map<string, Promise<string>>();

  /**
   * @param status of the open file
   * @returns `sha256:<hex>`
   * @throws StorageError CHANGED_WHILE_READ
   */
  digestOf(file: string, status: BigIntStats): Promise<string> {
    const version = versionOf(status);
    const known = this.#known.get(version);
    if (known !== undefined) return known;
    const digest = sha256(file, version);
    this.#known.set(version, digest);
    digest.catch(() => this.#known.delete(version));
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_REMEMBERED && oldest !== undefined) this.#known.delete(oldest);
    return digest;
  }
}

async function sha256(file: string, version: string): Promise<string> {
  await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  if (versionOf(await handle.stat({ bigint: true })) !== version) throw changed(file);
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
  }
  if (versionOf(await handle.stat({ bigint: true })) !== version) throw changed(file);
  return `sha256:${hash.digest('hex')}`;
}
