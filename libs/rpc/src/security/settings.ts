import type { Logger } from '../logger.ts';
import { DEFAULT_MAX_OPEN_CALLS } from './access-control.ts';
import { firstOf, type Authenticator } from './caller.ts';
import type { TlsFiles } from './server-certificates.ts';
import { StaticTokens } from './static-tokens.ts';
import { WebTokens, type WebTokenSettings } from './web-tokens.ts';

/** How a server is guarded. */
export interface ServerSecurity {
  /** Not set: plain text. */
  readonly tls?: TlsFiles;
  /** File of static bearer tokens, see {@link StaticTokens}. */
  readonly tokensFile?: string;
  readonly webTokens?: WebTokenSettings;
  readonly maxOpenCallsPerCaller: number;
  /**
   * A second address, `HOST:PORT`, that answers health checks in plain text and nothing else: Kubernetes' gRPC probes speak no TLS.
   * Not set: none.
   */
  readonly healthListen?: string;
}

/** The variables that {@link readServerSecurity} reads. */
export const SECURITY_VARIABLES = {
  certificateFile: 'PEMMICAN_TLS_CERTIFICATE_FILE',
  keyFile: 'PEMMICAN_TLS_KEY_FILE',
  clientCaFile: 'PEMMICAN_TLS_CLIENT_CA_FILE',
  tokensFile: 'PEMMICAN_TOKENS_FILE',
  webKeys: 'PEMMICAN_JWT_KEYS',
  webIssuer: 'PEMMICAN_JWT_ISSUER',
  webAudience: 'PEMMICAN_JWT_AUDIENCE',
  maxOpenCalls: 'PEMMICAN_MAX_OPEN_CALLS_PER_CALLER',
  healthListen: 'PEMMICAN_HEALTH_LISTEN',
} as const;

/**
 * Reads the part of a service's environment that guards it. An empty variable counts as none.
 * @throws Error that names the variables that are wrong or missing
 */
export function readServerSecurity(environment: Readonly<Record<string, string | undefined>>): ServerSecurity {
  const read = (key: keyof typeof SECURITY_VARIABLES): string | undefined => {
    const value = environment[SECURITY_VARIABLES[key]];
    return value === '' ? undefined : value;
  };
  const [certificateFile, keyFile, clientCaFile] = [read('certificateFile'), read('keyFile'), read('clientCaFile')];
  const tokensFile = read('tokensFile');
  const tls =
    certificateFile === undefined || keyFile === undefined
      ? undefined
      : { certificateFile, keyFile, ...(clientCaFile === undefined ? {} : { clientCaFile }) };
  if (tls === undefined && [certificateFile, keyFile, clientCaFile].some((value) => value !== undefined))
    throw new Error(`${SECURITY_VARIABLES.certificateFile} and ${SECURITY_VARIABLES.keyFile} belong together`);
  const webTokens = readWebTokens(read('webKeys'), read('webIssuer'), read('webAudience'));
  const maxOpenCallsPerCaller = Number(read('maxOpenCalls') ?? DEFAULT_MAX_OPEN_CALLS);
  if (!Number.isInteger(maxOpenCallsPerCaller) || maxOpenCallsPerCaller < 1)
    throw new Error(`${SECURITY_VARIABLES.maxOpenCalls}: "${read('maxOpenCalls')}" is not a whole number from 1 on`);
  const healthListen = read('healthListen');
  return Object.freeze({
    ...(healthListen === undefined ? {} : { healthListen }),
    ...(tls === undefined ? {} : { tls }),
    ...(tokensFile === undefined ? {} : { tokensFile }),
    ...(webTokens === undefined ? {} : { webTokens }),
    maxOpenCallsPerCaller,
  });
}

function readWebTokens(
  keys: string | undefined,
  issuer: string | undefined,
  audience: string | undefined,
): WebTokenSettings | undefined {
  if (keys === undefined && issuer === undefined && audience === undefined) return undefined;
  if (keys === undefined || issuer === undefined || audience === undefined) {
    const { webKeys, webIssuer, webAudience } = SECURITY_VARIABLES;
    throw new Error(`${webKeys}, ${webIssuer} and ${webAudience} belong together`);
  }
  return { keys, issuer, audience };
}

/**
 * What knows callers by their tokens; undefined where none are asked for.
 * @throws Error that names the file that is wrong
 */
export async function openAuthenticator(
  { tokensFile, webTokens }: ServerSecurity,
  logger: Logger,
): Promise<Authenticator | undefined> {
  const authenticators: Authenticator[] = [];
  if (tokensFile !== undefined) authenticators.push(await StaticTokens.open(tokensFile, logger));
  if (webTokens !== undefined) authenticators.push(await WebTokens.open(webTokens));
  return authenticators.length === 0 ? undefined : firstOf(authenticators);
}
