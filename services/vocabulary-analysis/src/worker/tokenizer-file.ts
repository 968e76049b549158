import type { FolderReader } from '@pemmican/safetensors';
import { StorageError, readJson } from '@pemmican/storage';
import { Tokenizer } from '@pemmican/tokenizer';

const MAX_CONFIG_BYTES = 20_000_000;

// The largest tokenizer there is has 33 MB.
const MAX_TOKENIZER_BYTES = 500_000_000;

const FILE_NAMES = ['tokenizer.json', 'vocab.txt'] as const;

/** A tokenizer before it is parsed: threads share the bytes, and each parses them for itself. */
export interface TokenizerFile {
  readonly fileName: (typeof FILE_NAMES)[number];
  /** What error messages call it. */
  readonly name: string;
  readonly bytes: SharedArrayBuffer;
  /** Parsed tokenizer_config.json. */
  readonly config?: unknown;
  /** What it tokenizes are words of split texts. */
  readonly areTextsWords?: boolean;
}

/** @throws StorageError NOT_FOUND, TOO_LARGE */
export async function readTokenizerFile(folder: FolderReader): Promise<TokenizerFile> {
  const config = await readJson(folder, 'tokenizer_config.json', { maxBytes: MAX_CONFIG_BYTES });
  for (const fileName of FILE_NAMES) {
    const source = await folder.open(fileName);
    if (source === undefined) continue;
    try {
      const { sizeBytes, name } = source;
      if (sizeBytes > MAX_TOKENIZER_BYTES)
        throw new StorageError('TOO_LARGE', name, `${sizeBytes} bytes are over the limit of ${MAX_TOKENIZER_BYTES}`);
      const bytes = new SharedArrayBuffer(sizeBytes);
      const target = new Uint8Array(sizeBytes);
      await source.read(0, target);
      new Uint8Array(bytes).set(target);
      return { fileName, name, bytes, ...(config === undefined ? {} : { config }) };
    } finally {
      await source.close();
    }
  }
  throw new StorageError('NOT_FOUND', folder.name, `there is no tokenizer (${FILE_NAMES.join(' or ')})`);
}

/** @throws TokenizerError */
export function parseTokenizer({ fileName, name, bytes, config, areTextsWords = false }: TokenizerFile): Tokenizer {
  const options = { fileName: name, areTextsWords, ...(config === undefined ? {} : { config }) };
  // A decoder takes no shared memory.
  const copy = new Uint8Array(bytes).slice();
  return fileName === 'tokenizer.json' ? Tokenizer.fromJson(copy, options) : Tokenizer.fromVocabTxt(copy, options);
}
