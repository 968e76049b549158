import { StorageError } from '../error.ts';

// The client has tried for about ten seconds when it gives up.
const RETRY_DELAY_MS = 10_000;

const DENIED_CODES: readonly string[] = [
  'AccessDenied',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'SignatureDoesNotMatch',
  'TokenRefreshRequired',
];
const NO_CREDENTIALS_CODES: readonly string[] = ['CredentialsProviderError', 'TokenProviderError'];

/**
 * What the SDK has thrown, as a {@link StorageError}. Of the SDK's error only its code and status are told: its other fields hold
 * access keys, signatures and what was signed, so it is not the cause either.
 * @param name the URI at fault
 */
export function s3Error(error: unknown, name: string, action: 'read' | 'write'): unknown {
  if (error instanceof StorageError || error instanceof RangeError) return error;
  if (error instanceof Error && error.name === 'AbortError') return error;
  const { code, status } = describe(error);
  const told = status === undefined ? code : `${status} ${code}`;
  if (NO_CREDENTIALS_CODES.includes(code))
    return new StorageError(
      'ACCESS_DENIED',
      name,
      `no credentials for S3 were found, or what gives them failed (${code}); they come from the environment (AWS_ACCESS_KEY_ID, ...), AWS_PROFILE, or the machine's role`,
    );
  if (status === 401 || status === 403 || DENIED_CODES.includes(code))
    return new StorageError('ACCESS_DENIED', name, `the S3 server denies access (${told})`);
  if (code === 'NoSuchBucket') return new StorageError('NOT_FOUND', name, 'there is no such bucket');
  if (status === 404) return new StorageError('NOT_FOUND', name, 'there is no such object');
  if (status === 412 && action === 'read') return changedWhileRead(name);
  const [failed, what] =
    action === 'read' ? (['DOWNLOAD_FAILED', 'read'] as const) : (['UPLOAD_FAILED', 'written'] as const);
  const mayPass = status === undefined || status >= 500 || status === 429 || status === 408;
  return new StorageError(
    failed,
    name,
    mayPass
      ? `could not be ${what}: the S3 server cannot be reached or fails (${told}), also when tried again`
      : `could not be ${what}: the S3 server answers ${told}${status >= 300 && status < 400 ? '; is AWS_REGION the region of the bucket?' : ''}`,
    mayPass ? { retryDelayMs: RETRY_DELAY_MS } : {},
  );
}

export function changedWhileRead(name: string): StorageError {
  return new StorageError('CHANGED_WHILE_READ', name, 'has changed since it was opened');
}

/** Runs `action`; what the SDK throws comes out as a {@link StorageError} that names the URI. */
export async function withS3Errors<Result>(
  name: string,
  action: 'read' | 'write',
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw s3Error(error, name, action);
  }
}

/** The HTTP status of what the SDK has thrown; undefined where there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return describe(error).status;
}

function describe(error: unknown): { code: string; status: number | undefined } {
  if (!(error instanceof Error)) return { code: 'Error', status: undefined };
  const metadata: unknown = '$metadata' in error ? error.$metadata : undefined;
  const status: unknown =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : undefined;
  const system = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // A code is a word; whatever else a server sends in its place is not told on.
  const code = [system, error.name, 'Error'].find((word) => /^\w{1,64}$/.test(word) && word !== 'Error') ?? 'Error';
  return { code, status: typeof status === 'number' ? status : undefined };
}
