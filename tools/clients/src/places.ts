import path from 'node:path';

/** Root of the repository. */
export const REPOSITORY_FOLDER: string = path.resolve(import.meta.dirname, '../../..');

/** Folder of the clients: a folder a language below it. */
export const CLIENTS_FOLDER: string = path.join(REPOSITORY_FOLDER, 'tools', 'clients');
