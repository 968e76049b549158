import { isUtf8 } from 'node:buffer';
import { readRecords } from '@pemmican/dataset';
import { FastEncoder, RecordBlockBuilder, type Tokenizer } from '@pemmican/tokenizer';
import { describeTokenWithoutRow, findTokenWithoutRow, type SplitSum } from '@pemmican/vocabulary';
import type { OpenFile } from './dataset-files.ts';
import type { ModelInputs } from './model-inputs.ts';
import { PreconditionError } from './precondition-error.ts';

// Encoded at a time.
const BLOCK_BYTES = 1024 * 1024;
const ENCODER_MEMO_BYTES = 32 * 1024 * 1024;

/**
 * Refuses counts of ids that the embedding matrix has no row for. Counting does not know which record had one, so the file is
 * read again up to it: the first one is told, whichever thread met which.
 * @throws PreconditionError TOKENIZER_TOO_LARGE
 */
export async function checkRows(
  sum: SplitSum,
  file: OpenFile,
  model: Pick<ModelInputs, 'tokenizer' | 'vocabSize'>,
  maxSequenceLength: number,
): Promise<void> {
  const { tokenizer, vocabSize: rowCount } = model;
  if (tokenizer.vocabSize <= rowCount) return;
  const counted = sum.counter.entries().find(([fullTokenId]) => fullTokenId >= rowCount);
  if (counted === undefined) return;
  const { source, options } = file;
  const encoder = new FastEncoder(tokenizer, { maxLength: maxSequenceLength, memoBytes: ENCODER_MEMO_BYTES, isUtf8 });
  const builder = new RecordBlockBuilder();
  let rows: number[] = [];
  const search = (): void => {
    const found = findTokenWithoutRow(encoder, builder.take(), rowCount);
    if (found !== undefined)
      throwTokenWithoutRow(tokenizer, found.fullTokenId, rowCount, source.name, `row ${rows[found.recordIndex] ?? 0}`);
    rows = [];
  };
  for await (const { text, textPair, words, row } of readRecords(source, options)) {
    if (words === undefined) builder.add(text, textPair);
    else builder.addWords(words);
    rows.push(row);
    if (builder.byteCount >= BLOCK_BYTES) search();
  }
  search();
  throwTokenWithoutRow(tokenizer, counted[0], rowCount, source.name, 'a record');
}

/** @throws PreconditionError TOKENIZER_TOO_LARGE, always */
export function throwTokenWithoutRow(
  tokenizer: Tokenizer,
  fullTokenId: number,
  rowCount: number,
  fileName: string,
  record: string,
): never {
  throw new PreconditionError(
    'TOKENIZER_TOO_LARGE',
    `${fileName}, ${record}: ${describeTokenWithoutRow(tokenizer, fullTokenId, rowCount)}`,
    { file: fileName, value: String(fullTokenId), limit: String(rowCount) },
  );
}
