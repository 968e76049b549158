import { StorageError, openByteSource } from '@pemmican/storage';
import { ProfileMerger, parseProfile, type VocabularyProfile } from '@pemmican/vocabulary';
import { PEMMICAN_VERSION } from '../version.ts';
import type { MergeRequest } from './messages.ts';

// A profile of the largest vocabulary in use, every id with its count in each split, has a tenth of it.
const MAX_PROFILE_BYTES = 200_000_000;

/**
 * Adds profiles up, holding one of them at a time.
 * @throws StorageError, VocabularyError
 */
export async function merge(request: MergeRequest): Promise<VocabularyProfile> {
  const { profileFiles, ...settings } = request;
  const merger = new ProfileMerger();
  for (const file of profileFiles) merger.add({ name: file, profile: await readProfile(file) });
  return merger.finish({ ...settings, pemmicanVersion: PEMMICAN_VERSION });
}

async function readProfile(file: string): Promise<VocabularyProfile> {
  const source = await openByteSource(file);
  try {
    if (source.sizeBytes > MAX_PROFILE_BYTES)
      throw new StorageError('TOO_LARGE', file, `${source.sizeBytes} bytes are over the limit of ${MAX_PROFILE_BYTES}`);
    const bytes = new Uint8Array(source.sizeBytes);
    await source.read(0, bytes);
    return parseProfile(parseJson(bytes, file), file);
  } finally {
    await source.close();
  }
}

function parseJson(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new StorageError('INVALID_JSON', file, 'is not valid JSON');
  }
}
