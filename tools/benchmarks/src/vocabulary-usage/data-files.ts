import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LabelledRecord, SplitName, Splits } from './record.ts';

/** A data set as files that `pemmican run` reads. */
export interface DataFiles {
  readonly name: string;
  readonly isOfWords: boolean;
  readonly isOfPairs: boolean;
  readonly files: Readonly<Record<SplitName, string>>;
  readonly recordCounts: Readonly<Record<SplitName, number>>;
  /** UTF-8 of the texts or words alone. */
  readonly textBytes: number;
  /** SHA-256 over both files, in hexadecimal. */
  readonly digest: string;
}

const SPLIT_NAMES = ['train', 'validation'] as const;

function textBytesOf(record: LabelledRecord): number {
  const texts = 'tokens' in record ? record.tokens : [record.text, record.text_pair ?? ''];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

/** Writes `NAME/train.jsonl` and `NAME/validation.jsonl`; a file has its name when it is whole. */
export function writeDataFiles(
  folder: string,
  { name, isOfWords = false }: { readonly name: string; readonly isOfWords?: boolean },
  splits: Splits,
): DataFiles {
  const hash = createHash('sha256');
  const place = path.join(folder, name);
  mkdirSync(place, { recursive: true });
  const fileOf = (split: SplitName): string => path.join(place, `${split}.jsonl`);
  for (const split of SPLIT_NAMES) {
    if (splits[split].length === 0) throw new Error(`${name}: there is no record for ${split}`);
    const content = splits[split].map((record) => `${JSON.stringify(record)}\n`).join('');
    hash.update(content);
    const partial = `${fileOf(split)}.${process.pid}.partial`;
    try {
      writeFileSync(partial, content);
      renameSync(partial, fileOf(split));
    } finally {
      rmSync(partial, { force: true });
    }
  }
  return {
    name,
    isOfWords,
    isOfPairs: SPLIT_NAMES.some((split) => splits[split].some((record) => 'text_pair' in record)),
    files: { train: fileOf('train'), validation: fileOf('validation') },
    recordCounts: { train: splits.train.length, validation: splits.validation.length },
    textBytes: SPLIT_NAMES.flatMap((split) => splits[split]).reduce((sum, record) => sum + textBytesOf(record), 0),
    digest: hash.digest('hex'),
  };
}
