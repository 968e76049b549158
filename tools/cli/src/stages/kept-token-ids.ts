import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { CliError, EXIT_CODE } from '../cli-error.ts';

/** The part of a vocabulary profile or a token id map that says which rows are kept. */
export interface KeptTokenIds {
  /** Full token ids, ascending. */
  readonly keptTokenIds: readonly number[];
  /** `sha256:<hex>` of the ids as little-endian 32-bit integers. */
  readonly keptTokenIdsDigest: string;
  readonly fullVocabSize: number;
}

/**
 * Reads the kept ids from a vocabulary profile or a token id map.
 * @throws CliError when the file is no such thing, or its ids do not have its digest
 */
export async function readKeptTokenIds(file: string): Promise<KeptTokenIds> {
  const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
  if (!isKeptTokenIds(parsed)) throw broken(file, 'has no keptTokenIds');
  const digest = digestOfTokenIds(parsed.keptTokenIds);
  if (digest !== parsed.keptTokenIdsDigest) {
    throw broken(file, `its keptTokenIds have the digest ${digest}, it says ${parsed.keptTokenIdsDigest}`);
  }
  return parsed;
}

/** SHA-256 of ids as little-endian 32-bit integers: `sha256:<hex>`. */
export function digestOfTokenIds(tokenIds: readonly number[]): string {
  const bytes = Buffer.alloc(tokenIds.length * 4);
  tokenIds.forEach((tokenId, index) => bytes.writeUInt32LE(tokenId, index * 4));
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function isKeptTokenIds(value: unknown): value is KeptTokenIds {
  if (typeof value !== 'object' || value === null) return false;
  const { keptTokenIds, keptTokenIdsDigest, fullVocabSize } = value as Record<string, unknown>;
  return (
    Array.isArray(keptTokenIds) &&
    keptTokenIds.every((tokenId) => Number.isInteger(tokenId) && tokenId >= 0 && tokenId <= 0xffff_ffff) &&
    typeof keptTokenIdsDigest === 'string' &&
    typeof fullVocabSize === 'number'
  );
}

function broken(file: string, problem: string): CliError {
  return new CliError(EXIT_CODE.PRECONDITION, `${file}: ${problem}`, { reason: 'INVALID_VOCABULARY' });
}
