import { S3Client } from '@aws-sdk/client-s3';

// Amazon's own default for a bucket whose region is not known; a server that is not theirs takes any.
const DEFAULT_REGION = 'us-east-1';
// Waits grow from a tenth of a second, so that eight span about ten: a server may be started again in that.
const MAX_ATTEMPTS = 8;
const CONNECTION_TIMEOUT_MS = 10_000;
// Of a connection on which nothing moves.
const IDLE_TIMEOUT_MS = 60_000;

let shared: Promise<S3Client> | undefined;

/**
 * The process's client. Credentials, region, endpoint and retries come from where Amazon's tools look for them (environment,
 * profile, web identity, container, machine), which the SDK reads by itself and again as they expire.
 */
export function s3Client(): Promise<S3Client> {
  // eslint-disable-next-line no-restricted-properties -- what the SDK reads by itself, in every process that gets so far
  shared ??= createS3Client(process.env);
  return shared;
}

/**
 * @param environment decides what the SDK leaves open: `PEMMICAN_S3_PATH_STYLE` says whether a bucket's name stands in the path
 *   (`true`) or before the host's (`false`). Not set: in the path where the endpoint is named and not Amazon's, as hosts of other
 *   servers seldom have names for buckets.
 */
export async function createS3Client(environment: Readonly<Record<string, string | undefined>>): Promise<S3Client> {
  const pathStyle = environment['PEMMICAN_S3_PATH_STYLE'];
  const endpoint = environment['AWS_ENDPOINT_URL_S3'] ?? environment['AWS_ENDPOINT_URL'] ?? '';
  const isPathStyle =
    pathStyle === undefined || pathStyle === ''
      ? endpoint !== '' && !/\.amazonaws\.com(?:\.cn)?(?::\d+)?\/?$/i.test(endpoint)
      : pathStyle === 'true' || pathStyle === '1';
  const open = (region: string | undefined): S3Client =>
    new S3Client({
      forcePathStyle: isPathStyle,
      followRegionRedirects: true,
      requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: IDLE_TIMEOUT_MS },
      ...(environment['AWS_MAX_ATTEMPTS'] === undefined ? { maxAttempts: MAX_ATTEMPTS } : {}),
      ...(region === undefined ? {} : { region }),
    });
  const client = open(environment['AWS_REGION'] === undefined ? environment['AWS_DEFAULT_REGION'] : undefined);
  try {
    await client.config.region();
    return client;
  } catch {
    client.destroy();
    return open(DEFAULT_REGION);
  }
}
