import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { pack, type Header, type Pack } from 'tar-stream';

/** One entry of an archive. Paths have no leading slash; nobody's name is in an archive, only numbers. */
export type TarEntry = { readonly path: string; readonly userId?: number; readonly groupId?: number } & (
  | { readonly type: 'folder'; readonly mode?: number }
  | { readonly type: 'link'; readonly target: string }
  /** Content is given, or read from `source`, which has to have `sizeBytes`. */
  | { readonly type: 'file'; readonly mode?: number; readonly content: Uint8Array }
  | { readonly type: 'file'; readonly mode?: number; readonly source: string; readonly sizeBytes: number }
);

const READ_BYTES = 1024 * 1024;
const TYPES = { file: 'file', link: 'symlink', folder: 'directory' } as const;
const MODES = { file: 0o644, link: 0o777, folder: 0o755 } as const;

/**
 * Writes a tar archive (POSIX.1-2001) that depends on nothing but its entries: they are sorted by path, and every time in it is the
 * epoch.
 * @throws RangeError for an entry that comes twice, or a file of another size than its entry says
 */
export async function writeTar(file: string, entries: readonly TarEntry[]): Promise<void> {
  const archive = pack();
  await Promise.all([
    pipeline(archive, createWriteStream(file)),
    fill(archive, entries).catch((error: unknown) => {
      archive.destroy(error as Error);
      throw error;
    }),
  ]);
}

async function fill(archive: Pack, entries: readonly TarEntry[]): Promise<void> {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  for (const [index, entry] of sorted.entries()) {
    if (entry.path === sorted[index - 1]?.path) throw new RangeError(`${entry.path} would be in the archive twice`);
    if (entry.type === 'file' && 'source' in entry) await addFile(archive, entry);
    else await addContent(archive, entry, 'content' in entry ? entry.content : new Uint8Array());
  }
  archive.finalize();
}

function addContent(archive: Pack, entry: TarEntry, content: Uint8Array): Promise<void> {
  const header = { ...headerOf(entry), size: content.length };
  return new Promise((resolve, reject) => {
    const added = (error?: Error | null): void => {
      if (error) reject(error);
      else resolve();
    };
    if (entry.type === 'file') archive.entry(header, content, added);
    else archive.entry(header, added);
  });
}

async function addFile(archive: Pack, entry: TarEntry & { source: string; sizeBytes: number }): Promise<void> {
  const { source, sizeBytes } = entry;
  const reader = createReadStream(source, { highWaterMark: READ_BYTES });
  try {
    await pipeline(reader, archive.entry({ ...headerOf(entry), size: sizeBytes }));
  } catch (error) {
    if (reader.bytesRead === sizeBytes || !reader.readableEnded) throw error;
    throw new RangeError(`${source} has ${reader.bytesRead} bytes, ${sizeBytes} were announced`, { cause: error });
  }
}

function headerOf(entry: TarEntry): Partial<Header> & Pick<Header, 'name'> {
  return {
    name: entry.type === 'folder' ? `${entry.path}/` : entry.path,
    type: TYPES[entry.type],
    mode: 'mode' in entry && entry.mode !== undefined ? entry.mode : MODES[entry.type],
    uid: entry.userId ?? 0,
    gid: entry.groupId ?? 0,
    mtime: new Date(0),
    ...(entry.type === 'link' ? { linkname: entry.target } : {}),
  };
}
