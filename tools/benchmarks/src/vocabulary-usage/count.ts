import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { readRecords } from '@pemmican/dataset';
import { openByteSource } from '@pemmican/storage';
import { Tokenizer } from '@pemmican/tokenizer';
import { analyzeVocabulary, type AnalyzedRecord, type VocabularyProfile } from '@pemmican/vocabulary';
import type { DataFiles } from './data-files.ts';
import { MODELS } from './models.ts';

/** The length that texts are cut to: the default of transformers' run_glue.py, which the paper's runs have. */
export const MAX_SEQUENCE_LENGTH = 128;

/** A tokenizer as texts need it, and as words do: byte-level BPE puts a space before these. */
export interface OpenTokenizer {
  readonly name: string;
  readonly file: string;
  readonly texts: Tokenizer;
  readonly words: Tokenizer;
}

/** @param folder of tokenizer.json and tokenizer_config.json */
export function openTokenizer(name: string, folder: string): OpenTokenizer {
  const file = path.join(folder, 'tokenizer.json');
  const bytes = readFileSync(file);
  const config: unknown = JSON.parse(readFileSync(path.join(folder, 'tokenizer_config.json'), 'utf8'));
  const open = (areTextsWords: boolean): Tokenizer =>
    Tokenizer.fromJson(bytes, { fileName: file, config, areTextsWords });
  return { name, file, texts: open(false), words: open(true) };
}

async function* recordsOf(
  file: string,
  { isOfWords, isOfPairs }: DataFiles,
): AsyncGenerator<AnalyzedRecord, void, undefined> {
  const source = await openByteSource(file);
  try {
    yield* readRecords(source, {
      ...(isOfWords ? { recordKind: 'words' } : {}),
      ...(isOfPairs ? { textPairColumn: 'text_pair' } : {}),
    });
  } finally {
    await source.close();
  }
}

/** Counts a data set's tokens as training reads them. */
export async function countDataSet(tokenizer: OpenTokenizer, data: DataFiles): Promise<VocabularyProfile> {
  const model = MODELS.find((each) => each.tokenizer === tokenizer.name);
  if (model === undefined) throw new RangeError(`No model has the tokenizer ${tokenizer.name}`);
  const one = data.isOfWords ? tokenizer.words : tokenizer.texts;
  const split = (name: 'train' | 'validation') => ({
    split: name,
    records: recordsOf(data.files[name], data),
    skippedRecordCount: () => 0,
  });
  return analyzeVocabulary([split('train'), split('validation')], {
    pemmicanVersion: '0.1.0',
    tokenizer: one,
    tokenizerDigest: `sha256:${createHash('sha256').update(readFileSync(tokenizer.file)).digest('hex')}`,
    modelVocabSize: Math.max(model.vocabSize, one.vocabSize),
    hiddenSize: model.hiddenSize,
    maxSequenceLength: MAX_SEQUENCE_LENGTH,
  });
}
