import { existsSync, readFileSync } from 'node:fs';
import { readRecords } from '@pemmican/dataset';
import { Tokenizer } from '@pemmican/tokenizer';
import type { AnalyzedRecord } from '../src/analyze.ts';

const cache = new URL('../../../.cache/', import.meta.url);
const data = new URL('data/sentiment/', cache);

/** Models of two families whose tokenizers the set-up of the tests fetches: WordPiece and Unigram. */
export const MODELS: readonly { readonly name: string; readonly rows: number }[] = [
  { name: 'all-MiniLM-L6-v2', rows: 30522 },
  { name: 'multilingual-e5-small', rows: 250037 },
];

/** For a test's `skip`: why it cannot run, or false. */
export function skipWithout(model: string): string | false {
  const isSetUp = existsSync(new URL(`models/${model}/tokenizer.json`, cache)) && existsSync(data);
  return isSetUp ? false : 'the model or the data is not set up';
}

export function openTokenizer(model: string): Tokenizer {
  const bytes = readFileSync(new URL(`models/${model}/tokenizer.json`, cache));
  return Tokenizer.fromJson(bytes, { fileName: 'tokenizer.json' });
}

/** The labelled sentences of a file of the `sentiment` data, and how many rows were left out. */
export async function readSentences(fileName: string): Promise<{ records: AnalyzedRecord[]; skippedCount: number }> {
  const bytes = readFileSync(new URL(fileName, data));
  const source = {
    name: fileName,
    sizeBytes: bytes.length,
    read: async (offset: number, target: Uint8Array) => target.set(bytes.subarray(offset, offset + target.length)),
  };
  let skippedCount = 0;
  const records: AnalyzedRecord[] = [];
  const options = { labelColumn: 'class', skipInvalid: true, onSkip: () => skippedCount++ };
  for await (const { text } of readRecords(source, options)) records.push({ text });
  return { records, skippedCount };
}

/** Records as analyzeVocabulary takes them. */
export async function* streamOf(records: readonly AnalyzedRecord[]): AsyncGenerator<AnalyzedRecord> {
  for (const record of records) yield record;
}
