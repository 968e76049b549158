import { BlobReader } from '../blob-reader.ts';
import { writeModelFolder } from '../write-model-folder.ts';
import { readGgufHeader } from './header.ts';
import { readLlamaShape } from './llama-shape.ts';
import { llamaConfigJson, llamaTokenizerConfigJson, llamaTokenizerJson } from './tokenizer-files.ts';
import { readLlamaVocabulary } from './vocabulary.ts';
import { llamaTensors } from './weights.ts';

/**
 * Turns a GGUF file (a Llama with tied embeddings and SmolLM2's kind of tokenizer) into a Hugging Face folder:
 * `model.safetensors` in float32, `config.json`, `tokenizer.json`, `tokenizer_config.json`. Holds a few megabytes of the
 * weights at a time.
 * @throws SetupError MALFORMED
 */
export async function convertGguf(ggufFile: string, folder: string): Promise<void> {
  const reader = await BlobReader.open(ggufFile, 'a GGUF model that can be converted');
  try {
    const { metadata, tensors } = await readGgufHeader(reader);
    const shape = readLlamaShape(reader, metadata);
    const vocabulary = readLlamaVocabulary(reader, metadata, shape);
    await writeModelFolder(folder, llamaTensors(reader, tensors, shape), {
      'config.json': llamaConfigJson(shape, vocabulary),
      'tokenizer.json': llamaTokenizerJson(vocabulary),
      'tokenizer_config.json': llamaTokenizerConfigJson(vocabulary, shape),
    });
  } finally {
    await reader.close();
  }
}
