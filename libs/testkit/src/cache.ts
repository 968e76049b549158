import { existsSync } from 'node:fs';
import path from 'node:path';

/** Folder of all that the set-up fetches and the benchmarks make. */
export const CACHE_FOLDER: string =
  process.env['PEMMICAN_CACHE_DIR'] ?? path.resolve(import.meta.dirname, '../../../.cache');

function present(kind: string, ...parts: string[]): string {
  const found = path.join(CACHE_FOLDER, kind, ...parts);
  // Not a skip: a test that needs real weights proves nothing without them.
  if (!existsSync(found)) throw new Error(`${found} is not there; run \`npm run setup\``);
  return found;
}

/** Folder of a real model that the set-up has fetched, e.g. `all-MiniLM-L6-v2`. */
export function modelFolder(name: string): string {
  return present('models', name);
}

/** A real data file that the set-up has fetched, e.g. `sentiment/amazon.json`. */
export function dataFile(name: string): string {
  return present('data', ...name.split('/'));
}

/** Python of the oracle environment (torch, transformers). */
export function oraclePython(): string {
  return present('python', 'bin', 'python');
}
