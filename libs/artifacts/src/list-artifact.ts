import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Artifact } from '@pemmican/contract/artifacts';
import {
  ArtifactKind,
  type ArtifactFile,
  type ListArtifactFilesRequest,
  type ListArtifactFilesResponse,
} from '@pemmican/contract/artifacts';
import { FieldViolations, invalidArgument } from '@pemmican/rpc';
import { StorageError, localPath, openFolder, withStorageErrors, type ArtifactRoots } from '@pemmican/storage';
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from './limits.ts';
import { checkLocalPath } from './validate-upload.ts';

/**
 * What is at a place.
 * @throws RpcError INVALID_ARGUMENT; StorageError
 */
export async function describeArtifact(artifactUri: string, roots: ArtifactRoots): Promise<Artifact> {
  const violations = new FieldViolations();
  checkLocalPath(violations, 'artifact_uri', artifactUri);
  violations.throwIfAny();
  const place = localPath(artifactUri);
  const status = await withStorageErrors(place, () => stat(place));
  if (status.isFile())
    return { artifactUri: place, kind: ArtifactKind.FILE, fileCount: 1, totalSizeBytes: status.size };
  if (!status.isDirectory()) throw new StorageError('NOT_A_FILE', place, 'is neither a folder nor a regular file');
  const names = await (await openFolder(place)).list();
  const files = await filesOf(place, names, roots);
  const totalSizeBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { artifactUri: place, kind: ArtifactKind.FOLDER, fileCount: files.length, totalSizeBytes };
}

/**
 * A page of a folder's files, by name.
 * @throws RpcError INVALID_ARGUMENT; StorageError
 */
export async function listArtifactFiles(
  request: ListArtifactFilesRequest,
  roots: ArtifactRoots,
): Promise<ListArtifactFilesResponse> {
  const { artifactUri, pageToken } = request;
  const violations = new FieldViolations();
  checkLocalPath(violations, 'artifact_uri', artifactUri);
  violations.check(request.pageSize >= 0, 'page_size', `is ${request.pageSize}, must not be negative`);
  violations.throwIfAny();
  const place = localPath(artifactUri);
  const pageSize = Math.min(request.pageSize === 0 ? DEFAULT_PAGE_SIZE : request.pageSize, MAX_PAGE_SIZE);
  const after = pageToken === '' ? '' : nameOfToken(place, pageToken);
  const names = (await (await openFolder(place)).list()).filter((name) => name > after);
  const page = names.slice(0, pageSize);
  const last = page.at(-1);
  return {
    files: await filesOf(place, page, roots),
    nextPageToken: last === undefined || page.length === names.length ? '' : tokenOf(place, last),
  };
}

async function filesOf(place: string, names: readonly string[], roots: ArtifactRoots): Promise<ArtifactFile[]> {
  const files: ArtifactFile[] = [];
  for (const fileName of names) {
    const file = path.join(place, fileName);
    // A link in the folder may lead out of it.
    roots.check(file);
    const { size } = await withStorageErrors(file, () => stat(file));
    files.push({ fileName, sizeBytes: size, digest: '' });
  }
  return files;
}

/** A page after a file of a folder. */
function tokenOf(place: string, fileName: string): string {
  return Buffer.from(`${keyOf(place)} ${fileName}`).toString('base64url');
}

function nameOfToken(place: string, token: string): string {
  const text = Buffer.from(token, 'base64url').toString();
  const prefix = `${keyOf(place)} `;
  if (!text.startsWith(prefix) || Buffer.from(text).toString('base64url') !== token)
    throw invalidArgument([{ field: 'page_token', description: 'is no token of a list of this folder' }]);
  return text.slice(prefix.length);
}

const keyOf = (place: string): string => createHash('sha256').update(place).digest('hex').slice(0, 16);
