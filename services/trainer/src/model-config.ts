import type { FolderReader } from '@pemmican/safetensors';
import { StorageError, readJson } from '@pemmican/storage';

/** A model's config, or an adapter's, is some kilobytes. */
export const MAX_CONFIG_BYTES = 10_000_000;

/**
 * A model folder's parsed config.json.
 * @throws StorageError NOT_FOUND
 */
export async function readModelConfig(folder: FolderReader): Promise<unknown> {
  const config = await readJson(folder, 'config.json', { maxBytes: MAX_CONFIG_BYTES });
  if (config === undefined) throw new StorageError('NOT_FOUND', `${folder.name}/config.json`, 'there is no such file');
  return config;
}
