import type { FolderReader, FolderWriter } from '@pemmican/safetensors';

import { copyPart, writeParts, type CopyOptions } from './byte-part.ts';

const TOKENIZER_FILES: readonly string[] = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'sentencepiece.bpe.model',
  'spiece.model',
  'tokenizer.model',
  'chat_template.jinja',
];

/** Says how a language model writes, and names token ids of the full vocabulary: it fits a model that has them. */
const GENERATION_FILE = 'generation_config.json';

// The licence of the weights goes where the weights go.
const LICENCE_FILE = /^(?:LICEN[CS]E|NOTICE|COPYING)(?:\.\w+)?$/i;

/** Copies the tokenizer's files, the licence and, for a model of the full vocabulary, how it generates, byte for byte. */
export async function copyCompanionFiles(
  source: FolderReader,
  destination: FolderWriter,
  options: CopyOptions & { readonly hasFullTokenIds: boolean },
): Promise<void> {
  for (const fileName of await source.list()) {
    const isGeneration = options.hasFullTokenIds && fileName === GENERATION_FILE;
    if (!TOKENIZER_FILES.includes(fileName) && !LICENCE_FILE.test(fileName) && !isGeneration) continue;
    const file = await source.open(fileName);
    if (file === undefined) continue;
    try {
      await destination.write(fileName, (sink) =>
        writeParts(sink, [copyPart(file, 0, file.sizeBytes)], { signal: options.signal }),
      );
    } finally {
      await file.close();
    }
  }
}
