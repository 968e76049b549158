import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Logger } from '../logger.ts';
import { ROLES, type Authenticator, type Caller, type Role } from './caller.ts';
import { RELOAD_INTERVAL_MS } from './server-certificates.ts';

/** Shorter ones can be guessed. */
export const MIN_TOKEN_LENGTH = 16;
/** A file of more is no list of tokens. */
export const MAX_TOKENS_FILE_BYTES = 1024 * 1024;

/**
 * Callers by a file of lines `TOKEN,NAME,ROLE` (empty lines and those that begin with `#` count for nothing). The file is read
 * again as it changes; one that cannot be read or understood changes nothing.
 */
export class StaticTokens implements Authenticator {
  readonly #file: string;
  readonly #logger: Logger;
  // By digest: how long a look-up takes says nothing about a token.
  #callers: ReadonlyMap<string, Caller>;
  #text: string;
  #nextReadMs = 0;
  readonly #intervalMs: number;

  private constructor(file: string, text: string, logger: Logger, intervalMs: number) {
    this.#file = file;
    this.#text = text;
    this.#callers = parseTokens(text, file);
    this.#logger = logger;
    this.#intervalMs = intervalMs;
  }

  /** @throws Error that names the file and the line that is wrong, and never a token */
  static async open(
    file: string,
    logger: Logger,
    reloadIntervalMs: number = RELOAD_INTERVAL_MS,
  ): Promise<StaticTokens> {
    return new StaticTokens(file, await readText(file), logger, reloadIntervalMs);
  }

  async authenticate(token: string): Promise<Caller | undefined> {
    await this.#reload();
    return this.#callers.get(digest(token));
  }

  async #reload(): Promise<void> {
    const nowMs = Date.now();
    if (nowMs < this.#nextReadMs) return;
    this.#nextReadMs = nowMs + this.#intervalMs;
    try {
      const text = await readText(this.#file);
      if (text === this.#text) return;
      this.#callers = parseTokens(text, this.#file);
      this.#text = text;
      this.#logger.info('tokens were read again', { file: this.#file, callers: this.#callers.size });
    } catch (error) {
      this.#logger.warn('tokens stay as they were', { problem: (error as Error).message });
    }
  }
}

async function readText(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw new Error(`${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  if (bytes.length > MAX_TOKENS_FILE_BYTES)
    throw new Error(`${file} has ${bytes.length} bytes; a file of tokens has at most ${MAX_TOKENS_FILE_BYTES}`);
  return bytes.toString('utf8');
}

function parseTokens(text: string, file: string): Map<string, Caller> {
  const callers = new Map<string, Caller>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const problem = (what: string): Error => new Error(`${file}, line ${index + 1}: ${what}`);
    const [token = '', name = '', role = '', ...rest] = line.split(',').map((cell) => cell.trim());
    if (rest.length > 0 || name === '' || role === '') throw problem('a line is TOKEN,NAME,ROLE');
    if (!isRole(role)) throw problem(`there is no role "${role}"; there are: ${ROLES.join(', ')}`);
    if (token.length < MIN_TOKEN_LENGTH) throw problem(`a token has at least ${MIN_TOKEN_LENGTH} characters`);
    if (callers.has(digest(token))) throw problem('the token stands there twice');
    callers.set(digest(token), { name, role });
  }
  if (callers.size === 0) throw new Error(`${file} has no token`);
  return callers;
}

const isRole = (role: string): role is Role => (ROLES as readonly string[]).includes(role);
const digest = (token: string): string => createHash('sha256').update(token).digest('base64');
