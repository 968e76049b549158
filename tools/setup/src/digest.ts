import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

const READ_SIZE_BYTES = 1 << 20;

/** SHA-256 of a file, in hexadecimal. */
export async function fileDigest(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: READ_SIZE_BYTES }), hash);
  return hash.digest('hex');
}
