import path from 'node:path';

/** Root of the repository. */
export const REPOSITORY_FOLDER: string = path.resolve(import.meta.dirname, '../../..');

/** The one folder for all that the set-up makes: `.cache` in the repository, or what `PEMMICAN_CACHE_DIR` names. */
export function cacheFolder(): string {
  const named = process.env['PEMMICAN_CACHE_DIR'];
  return named === undefined || named === '' ? path.join(REPOSITORY_FOLDER, '.cache') : path.resolve(named);
}
