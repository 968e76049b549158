import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { access, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

/*
 * The names beside a folder NAME while it is written; TAG is the same for all three of one writer and says who it is.
 *   .NAME.pemmican-TAG.tmp   being written
 *   .NAME.pemmican-TAG.new   whole and flushed, about to replace NAME
 *   .NAME.pemmican-TAG.old   what NAME was, about to be removed
 * Node has no call that exchanges two folders, so replacing takes two renames; whichever one a crash falls on, the names
 * tell what to do: see recoverFolder. What NAME was gets the first name again before it is removed, so that half of it, where
 * that fails, is never taken for a folder to go back to.
 */
export const TEMPORARY_SUFFIXES = ['tmp', 'new', 'old'] as const;
export type TemporarySuffix = (typeof TEMPORARY_SUFFIXES)[number];

const TEMPORARY_NAME = /^\.(.+)\.pemmican-([0-9a-f]{8}-\d+-\w+-[0-9a-f]{8})\.(tmp|new|old)$/s;
const TAG = /^([0-9a-f]{8})-(\d+)-(\w+)-[0-9a-f]{8}$/;

// Of a process elsewhere (a shared disk, a restarted container) only the age is known. A replacement takes two renames and
// a flush, writing a folder a few minutes.
const MAX_FOREIGN_AGE_MS = { tmp: 24 * 3_600_000, new: 600_000, old: 600_000 } as const;

/** A new tag for a folder that this process writes. */
export function createTag(): string {
  return `${machineId()}-${process.pid}-${startTime(process.pid) ?? 'unknown'}-${randomBytes(4).toString('hex')}`;
}

/** Path of the temporary folder beside `path`. */
export function temporaryPath(path: string, tag: string, suffix: TemporarySuffix): string {
  return join(dirname(path), `.${basename(path)}.pemmican-${tag}.${suffix}`);
}

/** Told of a folder that nobody needs and that cannot be removed. */
export type OnLeft = (folder: string, error: unknown) => void;

/** Removes a temporary folder where it is there. Never rejects: it is tried again by whoever next recovers `path`. */
export async function discardFolder(
  path: string,
  tag: string,
  suffix: TemporarySuffix,
  onLeft: OnLeft = warnOfLeft,
): Promise<void> {
  const folder = temporaryPath(path, tag, suffix);
  const useless = temporaryPath(path, tag, 'tmp');
  try {
    if (suffix === 'old' && !(await exists(folder))) return;
    if (suffix === 'old') await rename(folder, useless);
    await rm(suffix === 'old' ? useless : folder, { recursive: true, force: true });
  } catch (error) {
    onLeft(folder, error);
  }
}

function warnOfLeft(folder: string, error: unknown): void {
  process.emitWarning(`${folder} cannot be removed: ${String(error)}`, { code: 'PEMMICAN_FOLDER_LEFT' });
}

/**
 * Cleans up what writers of `path` that are gone have left, and finishes a replacement that one of them had begun.
 * Writers that live are left alone; whether one of another machine or container does is judged by age.
 * @param onLeft told of what cannot be removed; a warning of the process unless set
 * @returns whether `path` was put in place
 */
export async function recoverFolder(path: string, onLeft?: OnLeft): Promise<boolean> {
  const parent = dirname(path);
  const left: { name: string; suffix: TemporarySuffix; tag: string }[] = [];
  for (const entry of await readdir(parent).catch(() => [])) {
    const [, folder, tag, suffix] = TEMPORARY_NAME.exec(entry) ?? [];
    const name = join(parent, entry);
    if (folder !== basename(path) || tag === undefined || !isSuffix(suffix)) continue;
    if (isTagAlive(tag) && !(isForeign(tag) && (await ageMs(name)) > MAX_FOREIGN_AGE_MS[suffix])) continue;
    left.push({ name, suffix, tag });
  }
  const old = left.find(({ suffix }) => suffix === 'old');
  let isPutInPlace = false;
  if (old !== undefined && !(await exists(path))) {
    const replacement = left.find(({ suffix, tag }) => suffix === 'new' && tag === old.tag);
    await rename(replacement?.name ?? old.name, path);
    isPutInPlace = true;
  }
  for (const { suffix, tag } of left) await discardFolder(path, tag, suffix, onLeft);
  return isPutInPlace;
}

/** Whether the process that made the tag may still be running; of another machine's we cannot know. */
export function isTagAlive(tag: string): boolean {
  const [, machine, pid, started] = TAG.exec(tag) ?? [];
  return machine !== machineId() || isAlive(Number(pid), started);
}

function isForeign(tag: string): boolean {
  return !tag.startsWith(`${machineId()}-`);
}

function isSuffix(value: string | undefined): value is TemporarySuffix {
  return (TEMPORARY_SUFFIXES as readonly (string | undefined)[]).includes(value);
}

/** Time since the folder was created, renamed or given an entry. */
async function ageMs(path: string): Promise<number> {
  return stat(path).then(
    ({ ctimeMs }) => Date.now() - ctimeMs,
    () => 0,
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

let machine: string | undefined;

/** Tells process ids of this machine (its boot, its PID namespace) from those of others on a shared disk. */
function machineId(): string {
  machine ??= createHash('sha256')
    .update([hostname(), read('/proc/sys/kernel/random/boot_id'), link('/proc/self/ns/pid')].join('\n'))
    .digest('hex')
    .slice(0, 8);
  return machine;
}

function isAlive(pid: number, started: string | undefined): boolean {
  if (pid === process.pid) return startTime(pid) === undefined || startTime(pid) === started;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
  }
  // The id may have been given to another process since.
  const now = startTime(pid);
  return now === undefined || now === started;
}

/** Clock ticks from boot to the process's start, where the system tells. */
function startTime(pid: number): string | undefined {
  const status = read(`/proc/${pid}/stat`);
  // Field 22; the second is the command's name in parentheses, which may hold anything.
  return status.slice(status.lastIndexOf(')') + 2).split(' ')[19];
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
