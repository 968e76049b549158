import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

import { isUri } from '../options/location.ts';

/** Up to this size a file is told by its content; above, by its size and the time of its last change, as make does. */
const MAX_HASHED_BYTES = 64 * 2 ** 20;

/** SHA-256 of a value's JSON with sorted keys: `sha256:<hex>`. */
export function digestOf(value: unknown): string {
  return `sha256:${createHash('sha256').update(canonicalJson(value)).digest('hex')}`;
}

/**
 * What tells the content of a file or a folder (not of its subfolders) from another. A location that is not on this
 * machine is told by its name alone.
 */
export async function fingerprintOf(location: string): Promise<unknown> {
  if (isUri(location) && !location.startsWith('file:')) return { location };
  const file = location.startsWith('file:') ? fileURLToPath(location) : location;
  const information = await stat(file).catch(() => undefined);
  if (information === undefined) return { location };
  if (!information.isDirectory()) return fileFingerprint(file, information);
  const entries = (await readdir(file, { withFileTypes: true }))
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .sort();
  return Promise.all(
    entries.map(async (name) => {
      const member = path.join(file, name);
      return { name, ...(await fileFingerprint(member, await stat(member))) };
    }),
  );
}

async function fileFingerprint(
  file: string,
  information: { readonly size: number; readonly mtimeMs: number },
): Promise<Record<string, unknown>> {
  const { size, mtimeMs } = information;
  if (size > MAX_HASHED_BYTES) return { size, mtimeMs };
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return { size, sha256: hash.digest('hex') };
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return entry;
    return Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
