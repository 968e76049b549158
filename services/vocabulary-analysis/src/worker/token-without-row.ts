import { isUtf8 } from 'node:buffer';
import { readRecords } from '@pemmican/dataset';
import { FastEncoder, RecordBlockBuilder, type Tokenizer } from '@pemmican/tokenizer';
import { describeTokenWithoutRow, findTokenWithoutRow, type SplitSum } from '@pemmican/vocabulary';
import type { OpenFile } from './dataset-files.ts';
import type { AnalysisRequest } from './messages.ts';
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
  {
    maxSequenceLength,
    maxTargetLength = maxSequenceLength,
  }: Pick<AnalysisRequest, 'maxSequenceLength' | 'maxTargetLength'>,
): Promise<void> {
  const { tokenizer, vocabSize: rowCount } = model;
  if (tokenizer.vocabSize <= rowCount) return;
  const counted = sum.counter.entries().find(([fullTokenId]) => fullTokenId >= rowCount);
  if (counted === undefined) return;
  const { source, options } = file;
  const [builder, targetBuilder] = [new RecordBlockBuilder(), new RecordBlockBuilder()];
  const sides = (
    [
      [builder, maxSequenceLength],
      [targetBuilder, maxTargetLength],
    ] as const
  ).map(([texts, maxLength]) => {
    const encoder = new FastEncoder(tokenizer, { maxLength, memoBytes: ENCODER_MEMO_BYTES, isUtf8 });
    return () => findTokenWithoutRow(encoder, texts.take(), rowCount);
  });
  let rows: number[] = [];
  const searchBlock = (): void => {
    const [found] = sides.flatMap((search) => search() ?? []).sort((a, b) => a.recordIndex - b.recordIndex);
    if (found !== undefined)
      throwTokenWithoutRow(tokenizer, found.fullTokenId, rowCount, source.name, `row ${rows[found.recordIndex] ?? 0}`);
    rows = [];
  };
  for await (const { text, textPair, words, target, row } of readRecords(source, options)) {
    if (words === undefined) builder.add(text, textPair);
    else builder.addWords(words);
    if (target !== undefined) targetBuilder.add(target);
    rows.push(row);
    if (builder.byteCount + targetBuilder.byteCount >= BLOCK_BYTES) searchBlock();
  }
  searchBlock();
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
