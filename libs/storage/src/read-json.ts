import type { ByteSource, FolderReader } from '@pemmican/safetensors';

import { openByteSource } from './byte-source.ts';
import { StorageError } from './error.ts';

export interface ReadJsonOptions {
  /** Larger files are refused. */
  readonly maxBytes: number;
}

/**
 * Reads a JSON file of a folder.
 * @returns undefined where there is no such file
 * @throws StorageError TOO_LARGE, INVALID_JSON
 */
export async function readJson(
  folder: FolderReader,
  fileName: string,
  { maxBytes }: ReadJsonOptions,
): Promise<unknown> {
  const source = await folder.open(fileName);
  return source === undefined ? undefined : readJsonSource(source, maxBytes);
}

/**
 * Reads a JSON file by its path, `file:` URI or `s3://BUCKET/KEY`.
 * @throws StorageError NOT_FOUND, TOO_LARGE, INVALID_JSON, ...
 */
export async function readJsonFile(uri: string, { maxBytes }: ReadJsonOptions): Promise<unknown> {
  return readJsonSource(await openByteSource(uri), maxBytes);
}

/** Reads a source to its end and closes it. */
async function readJsonSource(source: ByteSource, maxBytes: number): Promise<unknown> {
  try {
    if (source.sizeBytes > maxBytes)
      throw new StorageError('TOO_LARGE', source.name, `${source.sizeBytes} bytes are over the limit of ${maxBytes}`);
    const bytes = new Uint8Array(source.sizeBytes);
    await source.read(0, bytes);
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    throw new StorageError('INVALID_JSON', source.name, `is not valid JSON in UTF-8: ${String(cause)}`, { cause });
  } finally {
    await source.close();
  }
}
