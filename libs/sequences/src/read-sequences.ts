import { DatasetError, type DatasetRecord } from '@pemmican/dataset';
import type { SequenceEncoder } from './sequence-encoder.ts';
import type { TokenSequence } from './token-sequence.ts';

/**
 * All sequences of a split's records.
 * @param breathe awaited now and then, so that a process can attend to its messages
 * @throws DatasetError, also EMPTY where the records make no sequence; SequenceError; TokenizerError
 */
export async function* readSequences(
  records: AsyncIterable<DatasetRecord>,
  encoder: SequenceEncoder,
  fileName: string,
  breathe: () => Promise<unknown> = () => Promise.resolve(),
): AsyncGenerator<TokenSequence, void, undefined> {
  let isEmpty = true;
  try {
    for await (const record of records) {
      encoder.add(record);
      if (!encoder.isFull) continue;
      for (const sequence of encoder.take()) {
        isEmpty = false;
        yield sequence;
      }
      await breathe();
    }
  } catch (error) {
    // What is wrong with the records before comes first.
    for (const _ of encoder.take());
    throw error;
  }
  for (const sequence of encoder.take()) {
    isEmpty = false;
    yield sequence;
  }
  if (isEmpty) throw new DatasetError('EMPTY', fileName, whyEmpty(encoder));
}

function whyEmpty({ counts }: SequenceEncoder): string {
  const { restTokenCount, skippedRecordCount, unlabelledBlockCount } = counts;
  if (unlabelledBlockCount > 0) return `holds no block of which something is predicted, of ${unlabelledBlockCount}`;
  if (restTokenCount > 0)
    return `has ${restTokenCount} tokens in all, fewer than one block; choose a smaller block size`;
  return `holds no valid records: all ${skippedRecordCount} were left out`;
}
