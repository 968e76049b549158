import type { TensorValue } from '@pemmican/graph';
import { hasTargetSequence, hasTokenTargets, isLanguageModeling, type Task } from '@pemmican/models';
import { makeBatch, type Batch, type EncodedDataset } from './encoded-dataset.ts';
import { sequenceTargets } from './sequence-targets.ts';
import {
  labelledTargets,
  maskTokens,
  nextTokenTargets,
  type MaskingOptions,
  type TokenTargets,
} from './token-targets.ts';
import { FEED } from './program-feeds.ts';

/** What decides how records become a batch. */
export interface BatchOptions {
  readonly task: Task;
  /** Id that fills batches up, in the space of the data sets. */
  readonly padId: number;
  readonly seed: number;
  /** Only for masked language modeling, which needs it. */
  readonly masking?: MaskingOptions | undefined;
  /** What a decoder reads first, in the space of the data sets; only for sequence-to-sequence tasks, which need it. */
  readonly decoderStartTokenId?: number | undefined;
  /**
   * Row of the output matrix by token id, where the output matrix has other rows than the embedding matrix: a language model
   * whose input side alone is reduced predicts full token ids.
   */
  readonly outputRowOf?: Uint32Array | undefined;
}

/** A batch as a task takes it. */
export interface TaskBatch {
  readonly batch: Batch;
  readonly feeds: Record<string, TensorValue>;
  /** What the batch's loss is a mean over: its rows, or the tokens that predict something. */
  readonly itemCount: number;
  /** Tokens without padding, those of targets too. */
  readonly tokenCount: number;
  /** Tokens of the longest target; only of sequence-to-sequence tasks. */
  readonly targetLength?: number;
}

/**
 * @param pass names the pass over the data; see {@link maskTokens}
 * @throws TrainingError INVALID_DATA for a batch without tokens, or without one to predict
 */
export function makeTaskBatch(
  dataset: EncodedDataset,
  records: Uint32Array,
  options: BatchOptions,
  pass: string,
): TaskBatch {
  const plain = makeBatch(dataset, records, options.padId);
  const { rowCount, tokenCount } = plain;
  if (hasTargetSequence(options.task)) return sequenceBatch(dataset, plain, options);
  if (options.task === 'question-answering') {
    const feeds = { ...inputFeeds(plain), [FEED.labels]: spanLabels(dataset, records) };
    return { batch: plain, feeds, itemCount: rowCount, tokenCount };
  }
  if (!hasTokenTargets(options.task)) {
    const feeds = { ...inputFeeds(plain), [FEED.labels]: labelValue(plain, options.task) };
    return { batch: plain, feeds, itemCount: rowCount, tokenCount };
  }
  const { batch, targets } = withTargets(plain, options, pass);
  const labels = isLanguageModeling(options.task) ? outputRows(targets.labels, options.outputRowOf) : targets.labels;
  const shape = [targets.positions.length];
  return {
    batch,
    feeds: {
      ...inputFeeds(batch),
      [FEED.targetPositions]: { dtype: 'int32', shape, data: targets.positions },
      [FEED.labels]: { dtype: 'int32', shape, data: labels },
    },
    itemCount: targets.positions.length,
    tokenCount,
  };
}

/** Sources for the encoder, and for the decoder the targets behind its start token. */
function sequenceBatch(dataset: EncodedDataset, batch: Batch, options: BatchOptions): TaskBatch {
  if (options.decoderStartTokenId === undefined) throw new TypeError('A decoder needs a token to start with');
  const targets = sequenceTargets(dataset, batch.records, options.decoderStartTokenId, options.padId);
  const shape = [targets.positions.length];
  return {
    batch,
    feeds: {
      ...inputFeeds(batch),
      [FEED.decoderInputIds]: { dtype: 'int32', shape: [batch.rowCount, targets.length], data: targets.inputIds },
      [FEED.targetPositions]: { dtype: 'int32', shape, data: targets.positions },
      [FEED.labels]: { dtype: 'int32', shape, data: outputRows(targets.labels, options.outputRowOf) },
    },
    itemCount: targets.positions.length,
    tokenCount: batch.tokenCount + targets.positions.length,
    targetLength: targets.length,
  };
}

function withTargets(plain: Batch, options: BatchOptions, pass: string): { batch: Batch; targets: TokenTargets } {
  if (options.task === 'token-classification') return { batch: plain, targets: labelledTargets(plain) };
  if (options.task === 'causal-lm') return { batch: plain, targets: nextTokenTargets(plain) };
  if (options.masking === undefined) throw new TypeError('Masked language modeling needs a mask token');
  return maskTokens(plain, options.masking, options.seed, pass);
}

function outputRows(tokenIds: Int32Array, rowOf: Uint32Array | undefined): Int32Array {
  return rowOf === undefined ? tokenIds : tokenIds.map((tokenId) => rowOf[tokenId] ?? -1);
}

/** Feeds that every forward pass takes. */
export function inputFeeds(batch: Batch): Record<string, TensorValue> {
  const shape = [batch.rowCount, batch.length];
  return {
    [FEED.inputIds]: { dtype: 'int32', shape, data: batch.inputIds },
    [FEED.attentionMask]: { dtype: 'float32', shape, data: batch.attentionMask },
    [FEED.tokenTypeIds]: { dtype: 'int32', shape, data: batch.tokenTypeIds },
  };
}

/** The tokens that the answers of windows begin with, and then those that they end with: `[2 * rowCount]`. */
function spanLabels({ questions }: EncodedDataset, windows: Uint32Array): TensorValue {
  const labels = new Int32Array(2 * windows.length);
  windows.forEach((window, row) => {
    // Never outside of their window, so that none is left out of the loss, as transformers does with those past the end.
    labels[row] = questions?.spans[2 * window] ?? 0;
    labels[windows.length + row] = questions?.spans[2 * window + 1] ?? 0;
  });
  return { dtype: 'int32', shape: [labels.length], data: labels };
}

function labelValue(batch: Batch, task: Task): TensorValue {
  const shape = [batch.rowCount];
  return task === 'regression'
    ? { dtype: 'float32', shape, data: Float32Array.from(batch.labels) }
    : { dtype: 'int32', shape, data: Int32Array.from(batch.labels) };
}

/** Records `[first, first + batchSize)`, fewer at the end, one group after another. */
export function* recordsInOrder(recordCount: number, batchSize: number): Generator<Uint32Array> {
  for (let first = 0; first < recordCount; first += batchSize)
    yield Uint32Array.from({ length: Math.min(batchSize, recordCount - first) }, (_, index) => first + index);
}
