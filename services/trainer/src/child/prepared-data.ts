import { isUtf8 } from 'node:buffer';
import { DEFAULT_COLUMNS, DatasetError, LabelVocabulary, readRecords, type DatasetRecord } from '@pemmican/dataset';
import { localPath, openByteSource } from '@pemmican/storage';
import { FastEncoder, RecordBlockBuilder } from '@pemmican/tokenizer';
import { EncodedDatasetBuilder, continuationLabels, type EncodedDataset } from '@pemmican/training';
import type { Task } from '@pemmican/models';
import { DatasetFormat, Split, type DatasetSpec } from '@pemmican/contract/vocabulary';
import type { PreparedModel } from './prepared-model.ts';
import { PreconditionError } from '../precondition-error.ts';
import { SplitWordsBuilder, labelSplit, type SplitWords } from './split-words.ts';

const DEFAULT_MAX_SEQUENCE_LENGTH = 128;

// Encoded at a time: some milliseconds, after which the process looks at its messages.
const BLOCK_BYTES = 256 * 1024;
const BLOCK_RECORDS = 2048;

// Encoding is a moment of a run whose memory is promised: it must not take more than the training after it.
const ENCODER_MEMO_BYTES = 32 * 1024 * 1024;

const FORMAT_NAMES = {
  [DatasetFormat.JSONL]: 'jsonl',
  [DatasetFormat.JSON]: 'json',
  [DatasetFormat.CSV]: 'csv',
  [DatasetFormat.TSV]: 'tsv',
  [DatasetFormat.TEXT]: 'text',
  [DatasetFormat.PARQUET]: 'parquet',
} as const;

/** What to read besides the model. */
export interface DataRequest {
  readonly dataset: DatasetSpec;
  readonly task: Task;
  /** Number of labels that the caller fixes; 0: as the data and the head say. */
  readonly labelCount: number;
  /** Names of the labels that the caller fixes; empty: as the data and the head say. */
  readonly labelNames?: readonly string[];
  /** Whether all tokens of a word have its class, not the first one alone. */
  readonly labelsAllTokens?: boolean;
  readonly unkeptTokensToUnk: boolean;
  /** false for predictions: records need no label. */
  readonly needsLabels: boolean;
  breathe(): Promise<void>;
}

/** Tokenized splits with the labels' names. */
export interface PreparedData {
  readonly splits: ReadonlyMap<Split, EncodedDataset>;
  readonly labelCount: number;
  /** Names of classes in the order of their indices; undefined where labels are numbers. */
  readonly labelNames: readonly string[] | undefined;
  /** Of the splits in token classification. */
  readonly words: ReadonlyMap<Split, SplitWords>;
  readonly skippedRecordCount: number;
  readonly mappedToUnkCount: number;
}

/** Tokenizes every split in the model's id space. */
export async function prepareData(prepared: PreparedModel, request: DataRequest): Promise<PreparedData> {
  const labels = new LabelVocabulary({
    task: request.task === 'regression' ? 'regression' : 'classification',
    ...configuredLabels(prepared, request),
  });
  let skippedRecordCount = 0;
  const onSkip = (): void => {
    skippedRecordCount++;
  };
  const recordKind = request.task === 'token-classification' ? 'words' : 'text';
  const columns = DEFAULT_COLUMNS[recordKind];
  const encoder = new RecordEncoder(prepared, request, onSkip);
  const splits = new Map<Split, EncodedDataset>();
  const words = new Map<Split, SplitWords>();
  // Train first: its labels decide which ones the other splits may have.
  for (const file of request.dataset.files.toSorted((a, b) => a.split - b.split)) {
    const source = await openByteSource(localPath(file.uri));
    try {
      const records = readRecords(source, {
        ...(file.format === DatasetFormat.UNSPECIFIED ? {} : { format: FORMAT_NAMES[file.format] }),
        recordKind,
        textColumn: request.dataset.textColumn || columns.text,
        ...(request.dataset.textPairColumn === '' ? {} : { textPairColumn: request.dataset.textPairColumn }),
        ...(request.needsLabels ? { labelColumn: request.dataset.labelColumn || columns.label } : {}),
        skipInvalid: request.dataset.skipInvalid,
        onSkip,
      });
      const encoded = await encoder.encodeAll(records, source.name, (record) => {
        if (!request.needsLabels) return record.words?.map(() => 0) ?? [0];
        return recordKind === 'words' ? labels.resolveTags(record, source.name) : [labels.resolve(record, source.name)];
      });
      splits.set(file.split, encoded.dataset);
      if (encoded.words !== undefined) words.set(file.split, encoded.words);
      // A tag that training never shows has no part in the head.
      if (recordKind === 'words' && file.split === Split.TRAIN) labels.close();
    } finally {
      await source.close();
    }
  }
  const newIndices = labels.sortNames();
  if (newIndices !== undefined) {
    for (const { labels: indices } of splits.values())
      indices.forEach((index, record) => (indices[record] = newIndices[index] ?? index));
    for (const { wordLabels: indices } of words.values())
      indices.forEach((index, word) => (indices[word] = newIndices[index] ?? index));
  }
  const continued = continuationLabels(labels.names ?? []);
  const continuation = request.labelsAllTokens === true ? (label: number) => continued[label] ?? label : undefined;
  for (const [split, splitWords] of words) {
    const dataset = splits.get(split);
    if (dataset !== undefined) splits.set(split, labelSplit(dataset, splitWords, continuation));
  }
  return {
    splits,
    labelCount: request.task === 'regression' ? 1 : Math.max(2, labels.count),
    labelNames: labels.names,
    words,
    skippedRecordCount,
    mappedToUnkCount: encoder.mappedToUnkCount,
  };
}

/** The labels that a head or the caller fixes before any record is read. */
function configuredLabels(
  prepared: PreparedModel,
  request: DataRequest,
): { labelNames?: readonly string[]; labelCount?: number } {
  const { labelNames = [] } = request;
  if (labelNames.length > 0) return { labelNames };
  const id2label = prepared.config['id2label'];
  const names =
    typeof id2label === 'object' && id2label !== null
      ? Object.values(id2label).filter((name) => typeof name === 'string')
      : [];
  const labelCount = request.labelCount || prepared.headLabelCount || 0;
  // transformers fills id2label with LABEL_0, LABEL_1, ... where there are no names.
  const hasNames =
    prepared.headLabelCount !== undefined &&
    names.length === labelCount &&
    !names.every((name, index) => name === `LABEL_${index}`);
  return { ...(hasNames ? { labelNames: names } : {}), ...(labelCount === 0 ? {} : { labelCount }) };
}

/** Turns records into ids of the embedding matrix at hand. */
class RecordEncoder {
  readonly #prepared: PreparedModel;
  readonly #request: DataRequest;
  readonly #encoder: FastEncoder;
  readonly #maxLength: number;
  readonly #onSkip: () => void;
  #unkCount = 0;

  constructor(prepared: PreparedModel, request: DataRequest, onSkip: () => void) {
    this.#prepared = prepared;
    this.#request = request;
    this.#onSkip = onSkip;
    const maxLength = request.dataset.maxSequenceLength || DEFAULT_MAX_SEQUENCE_LENGTH;
    this.#maxLength = maxLength;
    if (maxLength > prepared.model.maxSequenceLength) {
      throw new PreconditionError(
        'SEQUENCE_TOO_LONG',
        `max_sequence_length ${maxLength} is over the model's ${prepared.model.maxSequenceLength} positions`,
      );
    }
    this.#encoder = new FastEncoder(prepared.tokenizer, { maxLength, memoBytes: ENCODER_MEMO_BYTES, isUtf8 });
  }

  get mappedToUnkCount(): number {
    return this.#unkCount;
  }

  /** Encodes records block by block, in their order. */
  async encodeAll(
    records: AsyncIterable<DatasetRecord>,
    fileName: string,
    labelsOf: (record: DatasetRecord) => readonly number[],
  ): Promise<{ dataset: EncodedDataset; words: SplitWords | undefined }> {
    const target = { dataset: new EncodedDatasetBuilder(), words: new SplitWordsBuilder() };
    const builder = new RecordBlockBuilder();
    let [rows, labels]: [number[], (readonly number[])[]] = [[], []];
    const encodeBlock = (): void => {
      const block = { rows, labels, fileName };
      [rows, labels] = [[], []];
      this.#encodeBlock(builder, block, target);
    };
    try {
      for await (const record of records) {
        const recordLabels = labelsOf(record);
        if (record.words === undefined) builder.add(record.text, record.textPair);
        else builder.addWords(record.words);
        rows.push(record.row);
        labels.push(recordLabels);
        if (builder.byteCount < BLOCK_BYTES && builder.recordCount < BLOCK_RECORDS) continue;
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
    return { dataset: target.dataset.build(), words: isOfWords ? target.words.build() : undefined };
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
      const recordIds = this.#toModelIds(ids.subarray(start, end), row, block.fileName);
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

  #toModelIds(ids: Uint32Array, row: number, fileName: string): Uint32Array {
    const { tokenizer, reduction } = this.#prepared;
    if (reduction === undefined) return ids;
    if (!this.#request.unkeptTokensToUnk) {
      const unkept = ids.find((id) => reduction.map.toReducedId(id) < 0);
      if (unkept !== undefined) {
        throw new PreconditionError(
          'TOKEN_NOT_KEPT',
          `${fileName}, row ${row}: token id ${unkept} (${JSON.stringify(tokenizer.idToToken(unkept))}) has no row in the reduced model; analyze this file too before reducing, or map such ids to the unknown token`,
        );
      }
      return reduction.map.mapToReduced(ids, 'error');
    }
    for (const id of ids) if (reduction.map.toReducedId(id) < 0) this.#unkCount++;
    return reduction.map.mapToReduced(ids, 'unk', tokenizer.unkTokenId);
  }
}
