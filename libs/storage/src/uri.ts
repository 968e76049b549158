import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { StorageError } from './error.ts';

/** Where an artifact is. */
export type Location =
  | { readonly kind: 'local'; readonly path: string }
  | { readonly kind: 'hub'; readonly repository: string; readonly revision: string }
  | S3Location;

/** A key of a bucket, or the prefix of those that make a folder: without a slash at its end, empty for the whole bucket. */
export interface S3Location {
  readonly kind: 's3';
  readonly bucket: string;
  readonly key: string;
}

// Two letters and more: a single one would be a drive of Windows.
const SCHEME = /^([a-z][a-z0-9+.-]+):/i;
const KNOWN_SCHEMES: readonly string[] = ['file', 'hf', 's3', 'gs', 'az', 'http', 'https', 'hdfs'];
const HUB_REFERENCE = /^hf:(?:\/\/)?([A-Za-z0-9][\w.-]*(?:\/[A-Za-z0-9][\w.-]*)?)(?:@([\w./-]+))?$/;
const DEFAULT_REVISION = 'main';
// docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
const S3_REFERENCE = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/is;
const SIGNATURE = /[?&](?:x-amz-|awsaccesskeyid=|signature=)/i;
const MAX_S3_KEY_BYTES = 1024;

/**
 * Reads `hf:ID[@revision]`, `s3://BUCKET/KEY`, `file:` URIs and plain paths.
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
  if (scheme === 's3') return s3Location(uri);
  throw new StorageError(
    'UNSUPPORTED_SCHEME',
    // A signed URL lets in whoever reads it.
    uri.replace(/\?.*$/s, '?...').replace(/^(\w+:\/\/)[^/]*@/, '$1'),
    `"${scheme}:" is not supported; use a path, a file: URI, s3://BUCKET/KEY or hf:OWNER/NAME`,
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

/**
 * The one spelling of where a file or folder can be read and written: an absolute path, or `s3://BUCKET/KEY`.
 * @throws StorageError INVALID_URI; UNSUPPORTED_SCHEME for what can only be fetched
 */
export function artifactName(uri: string): string {
  const location = parseLocation(uri);
  if (location.kind === 'local') return location.path;
  if (location.kind === 's3') return s3Name(location);
  throw new StorageError('UNSUPPORTED_SCHEME', uri, 'a local path, a file: URI or s3://BUCKET/KEY is needed here');
}

/** A location of S3 as a URI. */
export function s3Name({ bucket, key }: Pick<S3Location, 'bucket' | 'key'>): string {
  return key === '' ? `s3://${bucket}` : `s3://${bucket}/${key}`;
}

/**
 * Keys are taken as they are written: nothing is percent-decoded, as in Amazon's own tools. Those that a proxy or a server would
 * make others of are refused.
 */
function s3Location(uri: string): S3Location {
  // What stands before an @ may be a secret, which must not come into a log by way of an error.
  if (/^s3:\/\/[^/]*@/i.test(uri))
    throw new StorageError(
      'INVALID_URI',
      's3://(left out)',
      'credentials do not belong in a URI; they come from the environment or the profile',
    );
  const [, bucket, rest = ''] = S3_REFERENCE.exec(uri) ?? [];
  if (bucket === undefined || bucket !== bucket.toLowerCase())
    throw new StorageError(
      'INVALID_URI',
      uri.replace(/\?.*$/s, '?...'),
      'is not of the form s3://BUCKET/KEY with the name of a bucket',
    );
  const key = rest.replace(/\/$/, '');
  const isPlain = !/[\u0000-\u001f\u007f]/.test(key) && key.isWellFormed() && !SIGNATURE.test(key);
  if (!isPlain || (key !== '' && key.split('/').some((part) => part === '' || part === '.' || part === '..')))
    throw new StorageError(
      'INVALID_URI',
      `s3://${bucket}/...`,
      'a key must have no control characters, no signature, and no empty part, "." or ".." between its slashes',
    );
  if (Buffer.byteLength(key) > MAX_S3_KEY_BYTES)
    throw new StorageError('INVALID_URI', `s3://${bucket}/...`, `a key must have at most ${MAX_S3_KEY_BYTES} bytes`);
  return { kind: 's3', bucket, key };
}

function filePath(uri: string): string {
  try {
    return resolve(fileURLToPath(uri));
  } catch (cause) {
    throw new StorageError('INVALID_URI', uri, 'is not a file: URI with an absolute path', { cause });
  }
}
