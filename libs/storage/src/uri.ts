import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { StorageError } from './error.ts';

/** Where an artifact is. */
export type Location =
  | { readonly kind: 'local'; readonly path: string }
  | { readonly kind: 'hub'; readonly repository: string; readonly revision: string };

// Two letters and more: a single one would be a drive of Windows.
const SCHEME = /^([a-z][a-z0-9+.-]+):/i;
const KNOWN_SCHEMES: readonly string[] = ['file', 'hf', 's3', 'gs', 'az', 'http', 'https', 'hdfs'];
const HUB_REFERENCE = /^hf:(?:\/\/)?([A-Za-z0-9][\w.-]*(?:\/[A-Za-z0-9][\w.-]*)?)(?:@([\w./-]+))?$/;
const DEFAULT_REVISION = 'main';

/**
 * Reads `hf:ID[@revision]`, `file:` URIs and plain paths.
 * @throws StorageError INVALID_URI, UNSUPPORTED_SCHEME
 */
export function parseLocation(uri: string): Location {
  if (uri === '') throw new StorageError('INVALID_URI', '(empty)', 'a path or URI is needed');
  if (uri.includes('\0'))
    throw new StorageError('INVALID_URI', JSON.stringify(uri), 'a path cannot hold a NUL character');
  const scheme = SCHEME.exec(uri)?.[1]?.toLowerCase();
  // "data:v2/model" is a fine path: only what is known, or looks like scheme://, counts as a scheme.
  if (scheme === undefined || !(KNOWN_SCHEMES.includes(scheme) || uri.startsWith('://', scheme.length))) {
    return { kind: 'local', path: resolve(uri) };
  }
  if (scheme === 'file') return { kind: 'local', path: filePath(uri) };
  if (scheme === 'hf') {
    const [, repository, revision = DEFAULT_REVISION] = HUB_REFERENCE.exec(uri) ?? [];
    if (repository === undefined || repository.includes('..') || revision.includes('..')) {
      throw new StorageError('INVALID_URI', uri, 'is not of the form hf:OWNER/NAME or hf:OWNER/NAME@REVISION');
    }
    return { kind: 'hub', repository, revision };
  }
  throw new StorageError(
    'UNSUPPORTED_SCHEME',
    uri,
    `"${scheme}:" is not supported yet; use a path, a file: URI or hf:OWNER/NAME`,
  );
}

/**
 * The local path of a path or `file:` URI.
 * @throws StorageError INVALID_URI, UNSUPPORTED_SCHEME
 */
export function localPath(uri: string): string {
  const location = parseLocation(uri);
  if (location.kind === 'local') return location.path;
  throw new StorageError('UNSUPPORTED_SCHEME', uri, 'a local path or file: URI is needed here');
}

function filePath(uri: string): string {
  try {
    return resolve(fileURLToPath(uri));
  } catch (cause) {
    throw new StorageError('INVALID_URI', uri, 'is not a file: URI with an absolute path', { cause });
  }
}
