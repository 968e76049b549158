import type { GraphSession } from '@pemmican/graph';
import { makeBatch, type EncodedDataset } from './encoded-dataset.ts';
import { inputFeeds, recordsInOrder } from './task-batch.ts';
import { FEED, FETCH } from './program-feeds.ts';

/** How sequences are written. */
export interface GenerationOptions {
  readonly batchSize: number;
  /** Id that fills sources up, in the space of the embedding matrix. */
  readonly padId: number;
  /** What the decoder reads first, in the space of the embedding matrix. */
  readonly startTokenId: number;
  /** What a sequence ends with, in the space of the output matrix; a model without any writes as much as it may. */
  readonly endTokenIds: ReadonlySet<number>;
  /** Tokens of the longest sequence, its end included. */
  readonly maxNewTokens: number;
  /**
   * Row of the embedding matrix of a token that was written.
   * @throws where a record's writing cannot go on for the lack of one
   */
  readonly toInputId: (outputTokenId: number, record: number) => number;
}

/** What was written of a batch. */
export interface GeneratedBatch {
  readonly firstRecord: number;
  /** Of each record, in the space of the output matrix: what was written up to the end, its token included. */
  readonly sequences: readonly Int32Array[];
}

/**
 * Writes, for each record, the most likely token after another (transformers' `generate` with `num_beams=1` and
 * `do_sample=False`), until all rows of a batch have ended.
 * @param onStep called between steps, so that the caller can breathe
 */
export async function* generate(
  session: GraphSession,
  dataset: EncodedDataset,
  options: GenerationOptions,
  onStep: () => Promise<void> = () => Promise.resolve(),
): AsyncGenerator<GeneratedBatch, void, undefined> {
  for (const records of recordsInOrder(dataset.recordCount, options.batchSize)) {
    session.run(inputFeeds(makeBatch(dataset, records, options.padId)), [FETCH.beginGeneration]);
    const rows = Array.from(records, (record): Row => ({ record, written: [], hasEnded: false }));
    let read = new Int32Array(rows.length).fill(options.startTokenId);
    for (let step = 0; step < options.maxNewTokens; step++) {
      const next = nextTokens(session, read, step);
      rows.forEach((row, index) => {
        append(row, next[index] ?? 0, options);
      });
      await onStep();
      if (rows.every(({ hasEnded }) => hasEnded)) break;
      if (step + 1 < options.maxNewTokens) read = toRead(rows, options);
    }
    yield { firstRecord: records[0] ?? 0, sequences: rows.map(({ written }) => Int32Array.from(written)) };
  }
}

interface Row {
  readonly record: number;
  /** In the space of the output matrix. */
  readonly written: number[];
  hasEnded: boolean;
}

function append(row: Row, tokenId: number, { endTokenIds }: GenerationOptions): void {
  if (row.hasEnded) return;
  row.written.push(tokenId);
  row.hasEnded = endTokenIds.has(tokenId);
}

/** What each row reads next. A row that has ended reads padding: what comes of it is dropped. */
function toRead(rows: readonly Row[], { padId, toInputId }: GenerationOptions): Int32Array<ArrayBuffer> {
  return Int32Array.from(rows, ({ record, written, hasEnded }) =>
    hasEnded ? padId : toInputId(written.at(-1) ?? 0, record),
  );
}

/** @param position tokens that were read before */
function nextTokens(session: GraphSession, tokenIds: Int32Array, position: number): Int32Array {
  const distances = Int32Array.from({ length: position + 1 }, (_, index) => index - position);
  const [next] = session.run(
    {
      [FEED.tokenIds]: { dtype: 'int32', shape: [tokenIds.length], data: tokenIds },
      [FEED.distances]: { dtype: 'int32', shape: [distances.length], data: distances },
    },
    [FETCH.nextTokenIds],
  );
  if (next?.dtype !== 'int32') throw new TypeError('Token ids are not int32');
  return next.data;
}
