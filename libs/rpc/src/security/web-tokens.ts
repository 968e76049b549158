import { readFile } from 'node:fs/promises';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose';
import type { Authenticator, Caller } from './caller.ts';

/** How JSON Web Tokens (RFC 7519) are checked. */
export interface WebTokenSettings {
  /** JSON Web Key Set (RFC 7517): a file, or an https: address that is asked again as keys rotate. */
  readonly keys: string;
  /** Value that `iss` has to have. */
  readonly issuer: string;
  /** Value that `aud` has to hold. */
  readonly audience: string;
}

/** Scopes (RFC 9068) and what they allow. */
export const READ_SCOPE = 'pemmican.read';
export const WRITE_SCOPE = 'pemmican.write';

// Signatures by a key pair: a secret that is shared with the issuer would let every service make tokens.
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const CLOCK_TOLERANCE_SECONDS = 30;

/** Callers by signed tokens: `sub` names the caller, `scope` (or `scp`) says what it may do. */
export class WebTokens implements Authenticator {
  readonly #keys: JWTVerifyGetKey;
  readonly #settings: WebTokenSettings;

  private constructor(keys: JWTVerifyGetKey, settings: WebTokenSettings) {
    this.#keys = keys;
    this.#settings = settings;
  }

  /** @throws Error that names the file or address that cannot be used */
  static async open(settings: WebTokenSettings): Promise<WebTokens> {
    if (/^https?:/.test(settings.keys)) {
      if (!settings.keys.startsWith('https:'))
        throw new Error(`${settings.keys}: keys that tokens are trusted by come over https:`);
      return new WebTokens(createRemoteJWKSet(new URL(settings.keys)), settings);
    }
    try {
      const keySet = JSON.parse(await readFile(settings.keys, 'utf8')) as JSONWebKeySet;
      return new WebTokens(createLocalJWKSet(keySet), settings);
    } catch (cause) {
      throw new Error(`${settings.keys} is no JSON Web Key Set: ${(cause as Error).message}`, { cause });
    }
  }

  async authenticate(token: string): Promise<Caller | undefined> {
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        issuer: this.#settings.issuer,
        audience: this.#settings.audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ['exp', 'sub'],
      });
      return callerOf(payload);
    } catch (error) {
      // Whatever is wrong with a token, its bearer is told no more than that it is not accepted.
      if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)) return undefined;
      throw error;
    }
  }
}

function callerOf({ sub, scope, scp }: JWTPayload): Caller | undefined {
  const listed = [scope, scp].flatMap((value) =>
    typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? (value as unknown[]) : [],
  );
  if (sub === undefined || sub === '') return undefined;
  if (listed.includes(WRITE_SCOPE)) return { name: sub, role: 'writer' };
  return listed.includes(READ_SCOPE) ? { name: sub, role: 'reader' } : undefined;
}
