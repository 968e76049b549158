import type { EncodedDataset } from './encoded-dataset.ts';
import { TrainingError } from './error.ts';
import type { TokenTargets } from './token-targets.ts';

/** What a decoder reads of a batch's targets, and what each of its places predicts. */
export interface SequenceTargets extends TokenTargets {
  /** Tokens of the longest target. */
  readonly length: number;
  /** Row-major `[rowCount, length]`: each target after its start token, without its last one. */
  readonly inputIds: Int32Array;
}

/**
 * Pads records' targets to a batch (transformers' DataCollatorForSeq2Seq, `_shift_right`). Padding predicts nothing, where
 * transformers has the label -100.
 * @param startTokenId what the decoder reads first
 * @param padId id that fills up
 * @throws TrainingError INVALID_DATA for a batch whose targets have no token
 */
export function sequenceTargets(
  { targets }: EncodedDataset,
  records: Uint32Array,
  startTokenId: number,
  padId: number,
): SequenceTargets {
  if (targets === undefined) throw new TypeError('The data set has no targets');
  const rows = Array.from(records, (record) =>
    targets.ids.subarray(targets.offsets[record], targets.offsets[record + 1]),
  );
  const length = rows.reduce((longest, ids) => Math.max(longest, ids.length), 0);
  if (length === 0)
    throw new TrainingError(
      'INVALID_DATA',
      `A batch predicts nothing: none of its ${records.length} targets has a token`,
    );
  const inputIds = new Int32Array(rows.length * length).fill(padId);
  const count = rows.reduce((sum, ids) => sum + ids.length, 0);
  const [positions, labels] = [new Int32Array(count), new Int32Array(count)];
  let filled = 0;
  rows.forEach((ids, row) => {
    const start = row * length;
    inputIds[start] = startTokenId;
    // The last token of the longest target predicts nothing.
    inputIds.set(ids.subarray(0, length - 1), start + 1);
    labels.set(ids, filled);
    for (let column = 0; column < ids.length; column++) positions[filled++] = start + column;
  });
  return { length, inputIds, positions, labels };
}
