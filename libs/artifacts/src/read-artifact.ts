import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { status as grpcStatus } from '@grpc/grpc-js';
import type { ReadArtifactRequest, ReadArtifactResponse } from '@pemmican/contract/artifacts';
import { FieldViolations, RpcError } from '@pemmican/rpc';
import { StorageError, localPath, storageError, type ArtifactRoots } from '@pemmican/storage';
import { changed, versionOf, type FileDigests } from './file-digests.ts';
import { READ_CHUNK_BYTES } from './limits.ts';
import { checkLocalPath, checkName } from './validate-upload.ts';

export interface ArtifactReader {
  readonly roots: ArtifactRoots;
  readonly digests: FileDigests;
}

/**
 * A file's bytes from an offset on; each chunk is read when the client has taken the one before.
 * @throws RpcError INVALID_ARGUMENT, OUT_OF_RANGE; StorageError
 */
export async function* readArtifact(
  request: ReadArtifactRequest,
  { roots, digests }: ArtifactReader,
  signal: AbortSignal,
): AsyncGenerator<ReadArtifactResponse, void, undefined> {
  const { fileName, offset } = request;
  const file = fileOf(request);
  // A link in the folder may lead out of it.
  roots.check(file);
  try {
    // Without O_NONBLOCK a named pipe that nobody writes to would hold a thread of Node's pool for ever.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = await handle.stat({ bigint: true });
    if (!status.isFile()) throw notAFile(file, status.isDirectory());
    const sizeBytes = Number(status.size);
    if (offset > sizeBytes) throw pastEnd(file, offset, sizeBytes);
    const digest = await digests.digestOf(file, status);
    yield { file: { fileName, sizeBytes, digest }, offset, data: Buffer.alloc(0) };
    for (let position = offset; position < sizeBytes;) {
      signal.throwIfAborted();
      const data = Buffer.allocUnsafeSlow(Math.min(READ_CHUNK_BYTES, sizeBytes - position));
      const { bytesRead } = await handle.read(data, 0, data.length, position);
      if (bytesRead === 0) throw changed(file);
      yield { file: undefined, offset: position, data: data.subarray(0, bytesRead) };
      position += bytesRead;
    }
    if (versionOf(await handle.stat({ bigint: true })) !== versionOf(status)) throw changed(file);
  } catch (error) {
    throw storageError(error, file);
  }
}

function fileOf({ artifactUri, fileName, offset }: ReadArtifactRequest): string {
  const violations = new FieldViolations();
  checkLocalPath(violations, 'artifact_uri', artifactUri);
  if (fileName !== '') checkName(violations, 'file_name', fileName);
  violations.check(offset >= 0, 'offset', `is ${offset}, must not be negative`);
  violations.throwIfAny();
  return path.join(localPath(artifactUri), fileName);
}

function notAFile(file: string, isFolder: boolean): StorageError {
  return new StorageError('NOT_A_FILE', file, isFolder ? 'is a folder, not a file' : 'is not a regular file');
}

function pastEnd(file: string, offset: number, sizeBytes: number): RpcError {
  return new RpcError({
    code: grpcStatus.OUT_OF_RANGE,
    reason: 'OFFSET_OUT_OF_RANGE',
    message: `Offset ${offset} is past the end of ${file}, which has ${sizeBytes} bytes`,
    metadata: { value: String(offset), limit: String(sizeBytes) },
  });
}
