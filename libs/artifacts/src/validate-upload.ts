import { status as grpcStatus } from '@grpc/grpc-js';
import type { ArtifactFile, CreateUploadRequest } from '@pemmican/contract/artifacts';
import { FieldViolations, RpcError } from '@pemmican/rpc';
import { StorageError, checkFileName, localPath } from '@pemmican/storage';
import { MAX_FILE_COUNT, MAX_FOLDER_DEPTH, MAX_NAME_BYTES, MAX_REQUEST_ID_LENGTH } from './limits.ts';
import type { ArtifactSettings } from './settings.ts';

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * Refuses a request before anything is looked at.
 * @throws RpcError INVALID_ARGUMENT with every field that is wrong, RESOURCE_EXHAUSTED
 */
export function validateCreateUpload(request: CreateUploadRequest, { maxArtifactBytes }: ArtifactSettings): void {
  const { artifactUri, files, requestId } = request;
  if (files.length > MAX_FILE_COUNT) throw tooLarge(`${files.length} files`, `${MAX_FILE_COUNT} files`, MAX_FILE_COUNT);
  const violations = new FieldViolations();
  if (artifactUri !== '') checkLocalPath(violations, 'artifact_uri', artifactUri);
  violations.check(files.length > 0, 'files', 'must not be empty');
  violations.check(
    requestId.length <= MAX_REQUEST_ID_LENGTH,
    'request_id',
    `has ${requestId.length} characters, at most ${MAX_REQUEST_ID_LENGTH} are allowed`,
  );
  const names = new Set<string>();
  files.forEach((file, index) => {
    checkFile(violations, `files[${index}]`, file);
    violations.check(!names.has(file.fileName), `files[${index}].file_name`, 'is there twice');
    names.add(file.fileName);
  });
  for (const [index, { fileName }] of files.entries()) {
    const folder = foldersOf(fileName).find((name) => names.has(name));
    violations.check(folder === undefined, `files[${index}].file_name`, `lies in ${folder}, which is a file too`);
  }
  violations.throwIfAny();
  const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (totalBytes > maxArtifactBytes)
    throw tooLarge(`${totalBytes} bytes`, `${maxArtifactBytes} bytes`, maxArtifactBytes);
}

/** Adds a violation for what is no path of this machine. */
export function checkLocalPath(violations: FieldViolations, field: string, uri: string): void {
  try {
    localPath(uri);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    violations.add(field, error.message);
  }
}

function checkFile(violations: FieldViolations, field: string, { fileName, sizeBytes, digest }: ArtifactFile): void {
  checkName(violations, `${field}.file_name`, fileName);
  violations.check(
    Number.isSafeInteger(sizeBytes) && sizeBytes >= 0,
    `${field}.size_bytes`,
    `is ${sizeBytes}, must not be negative`,
  );
  violations.check(DIGEST.test(digest), `${field}.digest`, 'must be sha256: and 64 hexadecimal digits in lower case');
}

/** Adds a violation for what cannot be a file of an artifact. */
export function checkName(violations: FieldViolations, field: string, fileName: string): void {
  try {
    checkFileName(field, fileName);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    violations.add(field, 'is no name of a file inside the folder');
    return;
  }
  const parts = fileName.split('/');
  violations.check(
    parts.length <= MAX_FOLDER_DEPTH + 1,
    field,
    `lies ${parts.length - 1} folders deep, at most ${MAX_FOLDER_DEPTH} are allowed`,
  );
  violations.check(
    fileName.isWellFormed() && parts.every((part) => Buffer.byteLength(part) <= MAX_NAME_BYTES),
    field,
    `must have at most ${MAX_NAME_BYTES} bytes between two slashes`,
  );
}

/** `a` and `a/b` of `a/b/c`. */
function foldersOf(fileName: string): string[] {
  const parts = fileName.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

function tooLarge(what: string, limit: string, value: number): RpcError {
  return new RpcError({
    code: grpcStatus.RESOURCE_EXHAUSTED,
    reason: 'UPLOAD_TOO_LARGE',
    message: `The artifact has ${what}, which is over the service's limit of ${limit}`,
    metadata: { limit: String(value) },
  });
}
