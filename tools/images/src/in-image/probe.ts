/**
 * `node probe.ts [HOST:PORT|unix:PATH]`: asks the service of this container for its health (grpc.health.v1.Health/Check) and ends
 * with 0 where it is SERVING, with 1 otherwise. Without an address it asks where `PEMMICAN_LISTEN` says. An image without a shell
 * has nothing else to ask with, and the kubelet's own probe of gRPC speaks no TLS.
 *
 * It speaks HTTP/2 itself: a process that starts each few seconds has no time to load a library for it.
 * @module
 */
import { readFileSync } from 'node:fs';
import { connect, constants, type SecureClientSessionOptions } from 'node:http2';
import { connect as connectSocket } from 'node:net';

const METHOD = '/grpc.health.v1.Health/Check';
const TIMEOUT_MS = 4_000;
// A message without fields in gRPC's frame: not compressed, no bytes.
const EMPTY_REQUEST = Buffer.alloc(5);
// HealthCheckResponse { status: SERVING } in its frame.
const SERVING = Buffer.of(0, 0, 0, 0, 2, 0x08, 1);

/**
 * Asks once.
 * @param listen `HOST:PORT` or `unix:PATH`, as the service was told to listen
 * @throws Error that says what came instead of SERVING
 */
export async function probe(listen: string, environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  const certificateFile = environment['PEMMICAN_TLS_CERTIFICATE_FILE'] ?? '';
  const scheme = certificateFile === '' ? 'http' : 'https';
  const session = connect(`${scheme}://${authorityOf(listen)}`, {
    ...(listen.startsWith('unix:') ? { createConnection: () => connectSocket(listen.slice('unix:'.length)) } : {}),
    ...(certificateFile === '' ? {} : tlsOptions(certificateFile, environment)),
  });
  try {
    const response = await new Promise<Buffer>((resolve, reject) => {
      const call = session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: METHOD,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        te: 'trailers',
      });
      const parts: Buffer[] = [];
      call.on('data', (part: Buffer) => parts.push(part));
      call.on('end', () => {
        resolve(Buffer.concat(parts));
      });
      call.setTimeout(TIMEOUT_MS, () => {
        reject(new Error(`no answer in ${TIMEOUT_MS} ms`));
      });
      for (const emitter of [session, call]) emitter.on('error', reject);
      call.end(EMPTY_REQUEST);
    });
    if (!response.equals(SERVING)) throw new Error(`not SERVING (answer ${response.toString('hex') || 'empty'})`);
  } finally {
    session.destroy();
  }
}

/** Where to connect: an address that stands for all of them means this machine. */
function authorityOf(listen: string): string {
  if (listen.startsWith('unix:')) return 'localhost';
  return listen.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:');
}

/** Who is asked is this very container: its certificate, made for another name, is not checked, but shown where callers need one. */
function tlsOptions(
  certificateFile: string,
  environment: Readonly<Record<string, string | undefined>>,
): SecureClientSessionOptions {
  const hasClientAuthority = (environment['PEMMICAN_TLS_CLIENT_CA_FILE'] ?? '') !== '';
  return {
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
    ...(hasClientAuthority
      ? { cert: readFileSync(certificateFile), key: readFileSync(environment['PEMMICAN_TLS_KEY_FILE'] ?? '') }
      : {}),
  };
}

if (import.meta.main) {
  try {
    await probe(process.argv[2] ?? process.env['PEMMICAN_LISTEN'] ?? '', process.env);
  } catch (error) {
    console.error(`probe: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
