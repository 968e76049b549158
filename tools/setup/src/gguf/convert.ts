import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeSafetensors } from '@pemmican/safetensors';
import { createFileSink } from '@pemmican/storage';
import { BlobReader } from '../blob-reader.ts';
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
    const entries = llamaTensors(reader, tensors, shape);
    const sink = await createFileSink(path.join(folder, 'model.safetensors'));
    try {
      await writeSafetensors(sink, entries, { format: 'pt' });
      await sink.finish();
    } finally {
      await sink.discard();
    }
    const write = (name: string, value: unknown): Promise<void> =>
      writeFile(path.join(folder, name), JSON.stringify(value, undefined, name === 'tokenizer.json' ? undefined : 1));
    await write('config.json', llamaConfigJson(shape, vocabulary));
    await write('tokenizer.json', llamaTokenizerJson(vocabulary));
    await write('tokenizer_config.json', llamaTokenizerConfigJson(vocabulary, shape));
  } finally {
    await reader.close();
  }
}
