import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';

/** What was unpacked. */
export interface Unpacked {
  readonly fileCount: number;
  readonly totalBytes: number;
}

const WRITE_SIZE_BYTES = 1 << 20;

/**
 * Unpacks those files of a zip for which `choose` gives a path inside of `folder`. Sizes and checksums are checked, and
 * names that lead out of the archive are refused, by yauzl.
 */
export async function unzip(
  archive: string,
  folder: string,
  choose: (name: string) => string | undefined,
): Promise<Unpacked> {
  const zip = await yauzl.openPromise(archive);
  let fileCount = 0;
  let totalBytes = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      const to = entry.fileName.endsWith('/') ? undefined : choose(entry.fileName);
      if (to === undefined) continue;
      const file = path.join(folder, to);
      await mkdir(path.dirname(file), { recursive: true });
      const content = await zip.openReadStreamPromise(entry);
      await pipeline(content, createWriteStream(file, { highWaterMark: WRITE_SIZE_BYTES, flags: 'wx' }));
      fileCount += 1;
      totalBytes += entry.uncompressedSize;
    }
  } finally {
    zip.close();
  }
  return { fileCount, totalBytes };
}
