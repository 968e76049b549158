import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { withLock } from '../../lock.mjs';
import { cacheFolder } from '../cache.ts';
import { requireSpace } from '../free-space.ts';
import { secondsSince, type SetupOptions } from '../progress.ts';
import { isCurrent, type StampedFolder } from '../stamp.ts';
import { makeWhole } from '../whole-folder.ts';

/** A program of others, and what it has to be started with wherever it is used. */
export interface FoundProgram {
  readonly command: string;
  readonly args: readonly string[];
}

/** A program that a person names, the system has, or the set-up makes. */
export interface ProgramSource {
  /** In messages and file names. */
  readonly name: string;
  /** Names a program to be taken instead. */
  readonly variable: string;
  /** Its name on the path. */
  readonly command: string;
  /** Everything that decides what is made. */
  readonly recipe: string;
  readonly sizeBytes: number;
  /** The program in what was made. */
  readonly inFolder: (folder: string) => FoundProgram;
  readonly make: (folder: string, options: SetupOptions) => Promise<void>;
}

function stampedFolder({ name, recipe }: ProgramSource): StampedFolder {
  return {
    folder: path.join(cacheFolder(), 'observability', name),
    stampFile: path.join(cacheFolder(), 'stamps', `program-${name}.json`),
    recipe,
  };
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The program that the variable names, else the path's, else the one that was made; nothing is made here. */
export async function findProgram(source: ProgramSource): Promise<FoundProgram | undefined> {
  const named = process.env[source.variable] ?? '';
  if (named !== '') return { command: named, args: [] };
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter).filter(Boolean)) {
    const command = path.join(folder, source.command);
    if (await isExecutable(command)) return { command, args: [] };
  }
  const target = stampedFolder(source);
  return (await isCurrent(target)) ? source.inFolder(target.folder) : undefined;
}

/**
 * The program, made in the cache where it is nowhere yet.
 * @throws SetupError where it cannot be had
 */
export async function ensureProgram(source: ProgramSource, options: SetupOptions = {}): Promise<FoundProgram> {
  const found = await findProgram(source);
  if (found !== undefined) return found;
  const target = stampedFolder(source);
  const report = options.onProgress ?? (() => undefined);
  await withLock(cacheFolder(), report, async () => {
    const begin = performance.now();
    const isMade = await makeWhole(target, async (temporary) => {
      await requireSpace(cacheFolder(), 2 * source.sizeBytes, source.name);
      await source.make(temporary, options);
    });
    if (isMade) report(`${source.name}: ready in ${secondsSince(begin)}, in ${target.folder}`);
  });
  return source.inFolder(target.folder);
}
