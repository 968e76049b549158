import { isUtf8 } from 'node:buffer';
import { LabelVocabulary, readRecords, type DatasetRecord } from '@pemmican/dataset';
import { localPath, openByteSource } from '@pemmican/storage';
import { FastEncoder, RecordBlockBuilder } from '@pemmican/tokenizer';
import { EncodedDatasetBuilder, type EncodedDataset } from '@pemmican/training';
import type { Task } from '@pemmican/models';
import type { Split } from '@pemmican/contract/vocabulary';
import { DatasetFormat, type DatasetSpec } from '@pemmican/contract/vocabulary';
import type { PreparedModel } from './prepared-model.ts';
import { PreconditionError } from '../precondition-error.ts';

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
  readonly skippedRecordCount: number;
  readonly mappedToUnkCount: number;
}

/** Tokenizes every split in the model's id space. */
export async function prepareData(prepared: PreparedModel, request: DataRequest): Promise<PreparedData> {
  const labels = new LabelVocabulary({
    task: request.task === 'regression' ? 'regression' : 'classification',
    ...configuredLabels(prepared, request),
  });
  const encoder = new RecordEncoder(prepared, request);
  const splits = new Map<Split, EncodedDataset>();
  let skippedRecordCount = 0;
  // Train first: its labels decide which ones the other splits may have.
  for (const file of request.dataset.files.toSorted((a, b) => a.split - b.split)) {
    const source = await openByteSource(localPath(file.uri));
    try {
      const records = readRecords(source, {
        ...(file.format === DatasetFormat.UNSPECIFIED ? {} : { format: FORMAT_NAMES[file.format] }),
        textColumn: request.dataset.textColumn || 'text',
        ...(request.dataset.textPairColumn === '' ? {} : { textPairColumn: request.dataset.textPairColumn }),
        ...(request.needsLabels ? { labelColumn: request.dataset.labelColumn || 'label' } : {}),
        skipInvalid: request.dataset.skipInvalid,
        onSkip: () => {
          skippedRecordCount++;
        },
      });
      splits.set(
        file.split,
        await encoder.encodeAll(records, source.name, (record) =>
          request.needsLabels ? labels.resolve(record, source.name) : 0,
        ),
      );
    } finally {
      await source.close();
    }
  }
  const newIndices = labels.sortNames();
  if (newIndices !== undefined) {
    for (const { labels: indices } of splits.values())
      indices.forEach((index, record) => (indices[record] = newIndices[index] ?? index));
  }
  return {
    splits,
    labelCount: request.task === 'regression' ? 1 : Math.max(2, labels.count),
    labelNames: labels.names,
    skippedRecordCount,
    mappedToUnkCount: encoder.mappedToUnkCount,
  };
}

/** The labels that a head or the caller fixes before any record is read. */
function configuredLabels(
  prepared: PreparedModel,
  request: DataRequest,
): { labelNames?: readonly string[]; labelCount?: number } {
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
  #unkCount = 0;

  constructor(prepared: PreparedModel, request: DataRequest) {
    this.#prepared = prepared;
    this.#request = request;
    const maxLength = request.dataset.maxSequenceLength || DEFAULT_MAX_SEQUENCE_LENGTH;
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
    labelOf: (record: DatasetRecord) => number,
  ): Promise<EncodedDataset> {
    const dataset = new EncodedDatasetBuilder();
    const builder = new RecordBlockBuilder();
    let rows: number[] = [];
    let labels: number[] = [];
    const encodeBlock = (): void => {
      const [blockRows, blockLabels] = [rows, labels];
      [rows, labels] = [[], []];
      this.#encodeBlock(builder, blockRows, blockLabels, fileName, dataset);
    };
    try {
      for await (const record of records) {
        builder.add(record.text, record.textPair);
        rows.push(record.row);
        labels.push(labelOf(record));
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
    return dataset.build();
  }

  #encodeBlock(
    builder: RecordBlockBuilder,
    rows: readonly number[],
    labels: readonly number[],
    fileName: string,
    dataset: EncodedDatasetBuilder,
  ): void {
    const { ids, typeIds, recordOffsets } = this.#encoder.encode(builder.take());
    rows.forEach((row, index) => {
      const [start = 0, end = 0] = [recordOffsets[index], recordOffsets[index + 1]];
      const recordIds = this.#toModelIds(ids.subarray(start, end), row, fileName);
      dataset.add(recordIds, typeIds.subarray(start, end), labels[index] ?? 0);
    });
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
