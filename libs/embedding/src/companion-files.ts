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

// The licence of the weights goes where the weights go.
const LICENCE_FILE = /^(?:LICEN[CS]E|NOTICE|COPYING)(?:\.\w+)?$/i;

/** Copies the tokenizer's files and the licence, byte for byte. */
export async function copyCompanionFiles(
  source: FolderReader,
  destination: FolderWriter,
  options: CopyOptions,
): Promise<void> {
  for (const fileName of await source.list()) {
    if (!TOKENIZER_FILES.includes(fileName) && !LICENCE_FILE.test(fileName)) continue;
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
