import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** One entry of an archive. Paths have no leading slash; nobody's name is in an archive, only numbers. */
export type TarEntry = { readonly path: string; readonly userId?: number; readonly groupId?: number } & (
  | { readonly type: 'folder'; readonly mode?: number }
  | { readonly type: 'link'; readonly target: string }
  /** Content is given, or read from `source`, which has to have `sizeBytes`. */
  | { readonly type: 'file'; readonly mode?: number; readonly content: Uint8Array }
  | { readonly type: 'file'; readonly mode?: number; readonly source: string; readonly sizeBytes: number }
);

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const MAX_SIZE_BYTES = 8 ** 11;
const TYPES = { file: '0', link: '2', folder: '5' } as const;
const MODES = { file: 0o644, link: 0o777, folder: 0o755 } as const;

/**
 * Writes a tar archive (POSIX.1-2001, ustar with pax headers for long paths) that depends on nothing but its entries: they are
 * sorted by path, and every time in it is the epoch.
 */
export async function writeTar(file: string, entries: readonly TarEntry[]): Promise<void> {
  await pipeline(Readable.from(tarBlocks(entries), { objectMode: false }), createWriteStream(file));
}

/** The bytes of the archive, a part at a time. */
export async function* tarBlocks(entries: readonly TarEntry[]): AsyncGenerator<Uint8Array, void, undefined> {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  for (const [index, entry] of sorted.entries()) {
    if (entry.path === sorted[index - 1]?.path) throw new RangeError(`${entry.path} would be in the archive twice`);
    yield* entryBlocks(entry);
  }
  yield Buffer.alloc(2 * BLOCK_BYTES);
}

async function* entryBlocks(entry: TarEntry): AsyncGenerator<Uint8Array, void, undefined> {
  const path = entry.type === 'folder' ? `${entry.path}/` : entry.path;
  const target = entry.type === 'link' ? entry.target : '';
  const sizeBytes = entry.type !== 'file' ? 0 : 'content' in entry ? entry.content.length : entry.sizeBytes;
  const long = [
    ...(Buffer.byteLength(path) > NAME_BYTES ? [paxRecord('path', path)] : []),
    ...(Buffer.byteLength(target) > NAME_BYTES ? [paxRecord('linkpath', target)] : []),
  ];
  if (long.length > 0) {
    const record = Buffer.from(long.join(''));
    yield header({ path: 'pax', type: 'x', mode: 0o644, userId: 0, groupId: 0, sizeBytes: record.length, target: '' });
    yield record;
    yield padding(record.length);
  }
  yield header({
    path,
    type: TYPES[entry.type],
    mode: 'mode' in entry && entry.mode !== undefined ? entry.mode : MODES[entry.type],
    userId: entry.userId ?? 0,
    groupId: entry.groupId ?? 0,
    sizeBytes,
    target,
  });
  if (entry.type !== 'file') return;
  if ('content' in entry) yield entry.content;
  else yield* contentOf(entry.source, sizeBytes);
  yield padding(sizeBytes);
}

async function* contentOf(source: string, sizeBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
  let readBytes = 0;
  for await (const part of createReadStream(source, { highWaterMark: 1024 * 1024 })) {
    readBytes += (part as Buffer).length;
    yield part as Buffer;
  }
  if (readBytes !== sizeBytes) throw new RangeError(`${source} has ${readBytes} bytes, ${sizeBytes} were announced`);
}

interface HeaderFields {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  readonly sizeBytes: number;
  readonly target: string;
}

function header(fields: HeaderFields): Buffer {
  if (fields.sizeBytes >= MAX_SIZE_BYTES)
    throw new RangeError(
      `${fields.path} has ${fields.sizeBytes} bytes; an archive's file has less than ${MAX_SIZE_BYTES}`,
    );
  const block = Buffer.alloc(BLOCK_BYTES);
  // What does not fit is in the pax header before, which readers take instead.
  block.write(fields.path.slice(-NAME_BYTES), 0, NAME_BYTES);
  octal(block, 100, 8, fields.mode);
  octal(block, 108, 8, fields.userId);
  octal(block, 116, 8, fields.groupId);
  octal(block, 124, 12, fields.sizeBytes);
  octal(block, 136, 12, 0);
  block.write(' '.repeat(8), 148);
  block.write(fields.type, 156);
  block.write(fields.target.slice(0, NAME_BYTES), 157, NAME_BYTES);
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function octal(block: Buffer, offset: number, lengthBytes: number, value: number): void {
  block.write(`${value.toString(8).padStart(lengthBytes - 1, '0')}\0`, offset, 'latin1');
}

function padding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

/** `LENGTH KEY=VALUE\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (Buffer.byteLength(`${length}${rest}`) !== length) length = Buffer.byteLength(`${length}${rest}`);
  return `${length}${rest}`;
}
