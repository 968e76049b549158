/** What went wrong with a file or folder. */
export type StorageErrorCode =
  | 'NOT_FOUND'
  | 'NOT_A_FILE'
  | 'NOT_A_FOLDER'
  | 'ACCESS_DENIED'
  | 'OUTSIDE_ROOTS'
  | 'DISK_FULL'
  | 'READ_ONLY'
  | 'DESTINATION_EXISTS'
  | 'INVALID_NAME'
  | 'INVALID_URI'
  | 'UNSUPPORTED_SCHEME'
  | 'TOO_MANY_FILES'
  | 'TOO_LARGE'
  | 'INVALID_JSON'
  | 'DOWNLOAD_FAILED'
  | 'HUB_DISABLED'
  | 'UPLOAD_FAILED'
  | 'CHANGED_WHILE_READ'
  | 'CLOSED'
  | 'IO';

/** Thrown for a file or folder that cannot be read, written or fetched. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;
  /** The file, folder or URI at fault. */
  readonly path: string;
  /** When to try again, where that may help. */
  declare readonly retryDelayMs?: number;

  constructor(
    code: StorageErrorCode,
    path: string,
    message: string,
    options?: ErrorOptions & { readonly retryDelayMs?: number },
  ) {
    super(`${path}: ${message}`, options);
    this.code = code;
    this.path = path;
    if (options?.retryDelayMs !== undefined) this.retryDelayMs = options.retryDelayMs;
  }
}

const SYSTEM_CODES: Readonly<Record<string, readonly [StorageErrorCode, string]>> = {
  ENOENT: ['NOT_FOUND', 'there is no such file or folder'],
  ENOTDIR: ['NOT_A_FOLDER', 'a part of the path is a file, not a folder'],
  EISDIR: ['NOT_A_FILE', 'is a folder, not a file'],
  EACCES: ['ACCESS_DENIED', 'permission denied'],
  EPERM: ['ACCESS_DENIED', 'operation not permitted'],
  EROFS: ['READ_ONLY', 'the file system is read-only'],
  ENOSPC: ['DISK_FULL', 'no space is left on the disk'],
  EDQUOT: ['DISK_FULL', 'the disk quota is used up'],
  EFBIG: ['DISK_FULL', 'the file is larger than the file system or the process limit allows'],
  ENAMETOOLONG: ['INVALID_NAME', 'the name is longer than the file system allows'],
  ELOOP: ['INVALID_NAME', 'too many symbolic links'],
  EMFILE: ['IO', 'too many files are open in this process'],
  EEXIST: ['DESTINATION_EXISTS', 'already exists'],
  ENOTEMPTY: ['DESTINATION_EXISTS', 'already exists and is not empty'],
};

/** The `code` of a Node system error, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Turns a Node system error into a {@link StorageError}; errors of other kinds come back as they are. */
export function storageError(error: unknown, path: string, detail = ''): unknown {
  if (error instanceof StorageError) return error;
  const code = systemCode(error);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  const [storageCode, text] = SYSTEM_CODES[code] ?? (['IO', `${code}: ${String((error as Error).message)}`] as const);
  return new StorageError(storageCode, path, `${text}${detail}`, { cause: error });
}

/** Runs `action`; a system error comes out as a {@link StorageError} that names `path`. */
export async function withStorageErrors<Result>(path: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    throw storageError(error, path);
  }
}
