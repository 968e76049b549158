import { ListObjectsV2Command, type ListObjectsV2CommandOutput, type S3Client } from '@aws-sdk/client-s3';

import { StorageError } from '../error.ts';
import { s3Name, type S3Location } from '../uri.ts';
import { withS3Errors } from './error.ts';

// As of local folders: a model folder has a few dozen files; this stops a walk through a whole bucket.
const MAX_FILE_COUNT = 10_000;

/** A file below a prefix. */
export interface ListedFile {
  /** After the prefix and its slash. */
  readonly fileName: string;
  readonly etag: string | undefined;
}

/**
 * All objects below a prefix, page by page.
 * @param limit to stop after
 * @throws StorageError NOT_FOUND for the bucket, ACCESS_DENIED, TOO_MANY_FILES, DOWNLOAD_FAILED
 */
export async function listObjects(client: S3Client, location: S3Location, limit?: number): Promise<ListedFile[]> {
  const name = s3Name(location);
  const prefix = location.key === '' ? '' : `${location.key}/`;
  return withS3Errors(name, 'read', async () => {
    const files: ListedFile[] = [];
    let token: string | undefined;
    do {
      const page: ListObjectsV2CommandOutput = await client.send(
        new ListObjectsV2Command({
          Bucket: location.bucket,
          Prefix: prefix,
          ...(limit === undefined ? {} : { MaxKeys: limit }),
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
      );
      for (const { Key = '', ETag } of page.Contents ?? [])
        if (Key.startsWith(prefix)) files.push({ fileName: Key.slice(prefix.length), etag: ETag });
      if (limit !== undefined && files.length >= limit) return files;
      if (files.length > MAX_FILE_COUNT)
        throw new StorageError(
          'TOO_MANY_FILES',
          name,
          `has more than ${MAX_FILE_COUNT} objects: is it a model folder?`,
        );
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
    return files;
  });
}
