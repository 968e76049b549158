import type { FolderReader } from '@pemmican/safetensors';

import { EmbeddingError } from './error.ts';

/**
 * All bytes of a small file, or undefined where there is none of that name.
 * @throws EmbeddingError INVALID_CONFIG for one over `maxBytes`
 */
export async function readSmallFile(
  folder: FolderReader,
  fileName: string,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const source = await folder.open(fileName);
  if (source === undefined) return undefined;
  try {
    if (source.sizeBytes > maxBytes) {
      throw new EmbeddingError(
        'INVALID_CONFIG',
        source.name,
        `${source.sizeBytes} bytes are over the limit of ${maxBytes}`,
      );
    }
    const bytes = new Uint8Array(source.sizeBytes);
    await source.read(0, bytes);
    return bytes;
  } finally {
    await source.close();
  }
}
