import type { FolderReader, FolderWriter } from '@pemmican/safetensors';
import { readJson } from '@pemmican/storage';
import { VocabularyError, reduceTokenizer, reduceTokenizerConfig, unkTokenIdOf } from '@pemmican/vocabulary';
import type { KeptTokens } from './kept-tokens.ts';
import { reducedTokenizerReadme } from './tokenizer-readme.ts';

/**
 * Folder inside of a reduced checkpoint with the tokenizer that yields reduced ids. The checkpoint's own tokenizer stays the
 * full one: pemmican maps its ids itself.
 */
export const REDUCED_TOKENIZER_FOLDER = 'reduced-tokenizer';

const TOKENIZER_FILE_NAME = 'tokenizer.json';
const TOKENIZER_CONFIG_FILE_NAME = 'tokenizer_config.json';
const SPECIAL_TOKENS_FILE_NAME = 'special_tokens_map.json';
const VOCABULARY_FILE_NAME = 'vocab.txt';
const README_FILE_NAME = 'README.md';

// The largest tokenizer there is has 33 MB.
const MAX_TOKENIZER_BYTES = 500_000_000;

/** A small file to be written. */
export interface SmallFile {
  readonly fileName: string;
  readonly bytes: Uint8Array;
}

/**
 * The files of a tokenizer that yields reduced ids.
 * @throws VocabularyError, StorageError
 */
export async function reducedTokenizerFiles(source: FolderReader, kept: KeptTokens): Promise<SmallFile[]> {
  const { tokenIdMap, coversWholeRecords } = kept;
  const json = await readJson(source, TOKENIZER_FILE_NAME, { maxBytes: MAX_TOKENIZER_BYTES });
  if (json === undefined)
    throw new VocabularyError(
      'UNSUPPORTED_TOKENIZER',
      `${source.name}: has no ${TOKENIZER_FILE_NAME}, from which a reduced tokenizer is made`,
    );
  const files: SmallFile[] = [];
  const add = (name: string, text: string): void => {
    files.push({ fileName: `${REDUCED_TOKENIZER_FOLDER}/${name}`, bytes: new TextEncoder().encode(text) });
  };
  const addJson = (name: string, value: unknown): void => {
    add(name, `${JSON.stringify(value)}\n`);
  };
  const tokenizerName = `${source.name}/${TOKENIZER_FILE_NAME}`;
  // Where records were cut, the tokens of the rest of the last word are needed to cut it into the same tokens.
  const reduced = reduceTokenizer(json, tokenIdMap, tokenizerName, { keepsOtherTokens: !coversWholeRecords });
  addJson(TOKENIZER_FILE_NAME, reduced);
  const unkTokenId = unkTokenIdOf(reduced, tokenizerName);
  add(
    README_FILE_NAME,
    reducedTokenizerReadme(reduced, tokenIdMap.reducedVocabSize, { unkTokenId, coversWholeRecords }),
  );
  const config = await readJson(source, TOKENIZER_CONFIG_FILE_NAME, { maxBytes: MAX_TOKENIZER_BYTES });
  const configName = `${source.name}/${TOKENIZER_CONFIG_FILE_NAME}`;
  if (config !== undefined) addJson(TOKENIZER_CONFIG_FILE_NAME, reduceTokenizerConfig(config, tokenIdMap, configName));
  const specialTokens = await readJson(source, SPECIAL_TOKENS_FILE_NAME, { maxBytes: MAX_TOKENIZER_BYTES });
  if (specialTokens !== undefined) addJson(SPECIAL_TOKENS_FILE_NAME, specialTokens);
  return files;
}

/** A folder into which more files are written just before it is committed. */
export function withFiles(folder: FolderWriter, files: readonly SmallFile[]): FolderWriter {
  return {
    name: folder.name,
    write: (fileName, write) => folder.write(fileName, write),
    commit: async () => {
      for (const { fileName, bytes } of files) await folder.write(fileName, (sink) => sink.write(bytes));
      await folder.commit();
    },
    abort: () => folder.abort(),
  };
}

/** Full id of the unknown token; null where the tokenizer has none or is of a kind that does not say. */
export async function readUnkTokenId(source: FolderReader): Promise<number | null> {
  const json = await readJson(source, TOKENIZER_FILE_NAME, { maxBytes: MAX_TOKENIZER_BYTES });
  if (json !== undefined) return unkTokenIdOf(json, `${source.name}/${TOKENIZER_FILE_NAME}`) ?? null;
  const vocabulary = await source.open(VOCABULARY_FILE_NAME);
  if (vocabulary === undefined) return null;
  try {
    const bytes = new Uint8Array(Math.min(vocabulary.sizeBytes, MAX_TOKENIZER_BYTES));
    await vocabulary.read(0, bytes);
    const id = new TextDecoder().decode(bytes).split(/\r?\n/).indexOf('[UNK]');
    return id < 0 ? null : id;
  } finally {
    await vocabulary.close();
  }
}
