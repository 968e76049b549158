import path from 'node:path';
import { cacheFolder } from '@pemmican/setup';

/** Root of the repository. */
export const REPOSITORY_FOLDER: string = path.resolve(import.meta.dirname, '../../..');

/** Folder of the clients: a folder a language below it. */
export const CLIENTS_FOLDER: string = path.join(REPOSITORY_FOLDER, 'tools', 'clients');

/** Where what a language needs is kept from one time to the next. */
export function cacheOf(language: string): string {
  return path.join(cacheFolder(), 'clients', language);
}

/** Where commands are looked for: the repository's own Node and tools first. */
export const COMMAND_PATH: string = [
  path.join(REPOSITORY_FOLDER, 'node_modules', 'node', 'bin'),
  path.join(REPOSITORY_FOLDER, 'node_modules', '.bin'),
  process.env['PATH'] ?? '',
].join(path.delimiter);
