import { isUtf8 } from 'node:buffer';
import {
  DEFAULT_MAX_SEQUENCE_LENGTHS,
  DEFAULT_MAX_TARGET_LENGTH,
  DatasetError,
  type DatasetRecord,
} from '@pemmican/dataset';
import { adviseHugePages } from '@pemmican/device-memory';
import { FastEncoder, RecordBlockBuilder } from '@pemmican/tokenizer';
import { EncodedDatasetBuilder, type EncodedDataset } from '@pemmican/training';
import { hasTargetSequence } from '@pemmican/models';
import { PreconditionError } from '../precondition-error.ts';
import type { ModelTokenIds } from './model-token-ids.ts';
import type { DataRequest } from './prepared-data.ts';
import type { PreparedModel } from './prepared-model.ts';
import { SplitWordsBuilder, type SplitWords } from './split-words.ts';

// Encoded at a time: some milliseconds, after which the process looks at its messages.
const BLOCK_BYTES = 256 * 1024;
const BLOCK_RECORDS = 2048;

// Encoding is a moment of a run whose memory is promised: it must not take more than the training after it.
export const ENCODER_MEMO_BYTES = 32 * 1024 * 1024;

/** A file's records as ids. */
export interface EncodedRecords {
  readonly dataset: EncodedDataset;
  readonly words: SplitWords | undefined;
  /** By record, what it has as target; of predictions only, empty otherwise. */
  readonly targetTexts: readonly (string | undefined)[];
}

/** Turns records into ids of the embedding matrix at hand. */
export class RecordEncoder {
  readonly #request: DataRequest;
  readonly #tokenIds: ModelTokenIds;
  readonly #encoder: FastEncoder;
  /** Cuts targets to a length of their own. */
  readonly #targetEncoder: FastEncoder | undefined;
  readonly #maxLength: number;
  readonly #onSkip: () => void;

  constructor(prepared: PreparedModel, request: DataRequest, tokenIds: ModelTokenIds, onSkip: () => void) {
    this.#request = request;
    this.#tokenIds = tokenIds;
    this.#onSkip = onSkip;
    const recordKind = request.task === 'token-classification' ? 'words' : 'text';
    const maxLength = request.dataset.maxSequenceLength || DEFAULT_MAX_SEQUENCE_LENGTHS[recordKind];
    this.#maxLength = maxLength;
    if (maxLength > prepared.model.maxSequenceLength) {
      throw new PreconditionError(
        'SEQUENCE_TOO_LONG',
        `max_sequence_length ${maxLength} is over the model's ${prepared.model.maxSequenceLength} positions`,
      );
    }
    const options = { memoBytes: ENCODER_MEMO_BYTES, isUtf8, adviseMemory: adviseHugePages };
    this.#encoder = new FastEncoder(prepared.tokenizer, { maxLength, ...options });
    // A prediction only compares targets, whole and as texts.
    this.#targetEncoder =
      hasTargetSequence(request.task) && request.needsTargets !== false
        ? new FastEncoder(prepared.tokenizer, {
            maxLength: request.dataset.maxTargetLength || DEFAULT_MAX_TARGET_LENGTH,
            ...options,
          })
        : undefined;
  }

  /** Encodes records block by block, in their order. */
  async encodeAll(
    records: AsyncIterable<DatasetRecord>,
    fileName: string,
    labelsOf: (record: DatasetRecord) => readonly number[],
  ): Promise<EncodedRecords> {
    const target = {
      dataset: new EncodedDatasetBuilder(),
      words: new SplitWordsBuilder(),
      targets: new EncodedDatasetBuilder(),
    };
    const builder = new RecordBlockBuilder();
    const targetBuilder = new RecordBlockBuilder();
    const targetTexts: (string | undefined)[] = [];
    let [rows, labels]: [number[], (readonly number[])[]] = [[], []];
    const encodeBlock = (): void => {
      const block = { rows, labels, fileName };
      [rows, labels] = [[], []];
      this.#encodeBlock(builder, block, target);
      this.#encodeTargets(targetBuilder, block, target.targets);
    };
    try {
      for await (const record of records) {
        const recordLabels = labelsOf(record);
        if (record.words === undefined) builder.add(record.text, record.textPair);
        else builder.addWords(record.words);
        if (this.#targetEncoder !== undefined && record.target !== undefined) targetBuilder.add(record.target);
        if (this.#request.needsTargets === false) targetTexts.push(record.target);
        rows.push(record.row);
        labels.push(recordLabels);
        if (builder.byteCount + targetBuilder.byteCount < BLOCK_BYTES && builder.recordCount < BLOCK_RECORDS) continue;
        encodeBlock();
        await this.#request.breathe();
      }
    } catch (error) {
      // What is wrong with the records before comes first.
      encodeBlock();
      throw error;
    }
    encodeBlock();
    const isOfWords = this.#request.task === 'token-classification';
    const dataset = target.dataset.build();
    const { ids, offsets } = target.targets.build();
    return {
      dataset: this.#targetEncoder === undefined ? dataset : { ...dataset, targets: { ids, offsets } },
      words: isOfWords ? target.words.build() : undefined,
      targetTexts,
    };
  }

  /** The targets of a block's records, in their order. */
  #encodeTargets(
    builder: RecordBlockBuilder,
    block: { rows: readonly number[]; fileName: string },
    target: EncodedDatasetBuilder,
  ): void {
    if (this.#targetEncoder === undefined || builder.recordCount === 0) return;
    const { ids, typeIds, recordOffsets } = this.#targetEncoder.encode(builder.take());
    block.rows.forEach((row, index) => {
      const [start, end] = [recordOffsets[index], recordOffsets[index + 1]];
      const targetIds = this.#tokenIds.toRows(ids.subarray(start, end), `${block.fileName}, row ${row}`);
      target.add(targetIds, typeIds.subarray(start, end), 0);
    });
  }

  #encodeBlock(
    builder: RecordBlockBuilder,
    block: { rows: readonly number[]; labels: readonly (readonly number[])[]; fileName: string },
    target: { dataset: EncodedDatasetBuilder; words: SplitWordsBuilder },
  ): void {
    const { ids, typeIds, recordOffsets, wordIds } = this.#encoder.encode(builder.take());
    block.rows.forEach((row, index) => {
      const [start = 0, end = 0] = [recordOffsets[index], recordOffsets[index + 1]];
      const labels = block.labels[index] ?? [];
      const recordWords = wordIds?.subarray(start, end);
      if (recordWords?.some((word) => word >= 0) === false) {
        this.#skipWithoutTokens(labels.length, row, block.fileName);
        return;
      }
      const recordIds = this.#tokenIds.toRows(ids.subarray(start, end), `${block.fileName}, row ${row}`);
      target.dataset.add(recordIds, typeIds.subarray(start, end), recordWords === undefined ? (labels[0] ?? 0) : 0);
      if (recordWords !== undefined) target.words.add(recordWords, labels);
    });
  }

  /** A record without a token to label has no loss. */
  #skipWithoutTokens(wordCount: number, row: number, fileName: string): void {
    if (!this.#request.dataset.skipInvalid)
      throw new DatasetError(
        'INVALID_TEXT',
        fileName,
        `row ${row}: none of its ${wordCount} words has a token within the ${this.#maxLength} of max_sequence_length`,
      );
    this.#onSkip();
  }
}
