import { DEFAULT_COLUMNS, LabelVocabulary, readRecords, type ColumnOptions, type RecordKind } from '@pemmican/dataset';
import { openByteSource } from '@pemmican/storage';
import { continuationLabels, type EncodedDataset } from '@pemmican/training';
import type { Task } from '@pemmican/models';
import { DatasetFormat, Split, type DatasetSpec } from '@pemmican/contract/vocabulary';
import type { PreparedModel } from './prepared-model.ts';
import { ModelTokenIds } from './model-token-ids.ts';
import { QuestionEncoder } from './question-encoder.ts';
import { areSequences, prepareSequences } from './prepared-sequences.ts';
import { RecordEncoder } from './record-encoder.ts';
import { FORMAT_NAMES } from './record-formats.ts';
import { labelSplit, type SplitWords } from './split-words.ts';

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
  /** false for predictions: records of sources need no target, and one that is there is kept as a text. True where not given. */
  readonly needsTargets?: boolean;
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
  /** By record of a split, its target's text; only of predictions, whose records may have one. */
  readonly targetTexts?: ReadonlyMap<Split, readonly (string | undefined)[]>;
  readonly skippedRecordCount: number;
  readonly mappedToUnkCount: number;
  /** What a user should know of how records were read. */
  readonly notes?: readonly string[];
}

/** Tokenizes every split in the model's id space. */
export async function prepareData(prepared: PreparedModel, request: DataRequest): Promise<PreparedData> {
  if (areSequences(request.dataset)) return prepareSequences(prepared, request);
  const labels = new LabelVocabulary({
    task: request.task === 'regression' ? 'regression' : 'classification',
    ...configuredLabels(prepared, request),
  });
  let skippedRecordCount = 0;
  const onSkip = (): void => {
    skippedRecordCount++;
  };
  const recordKind = recordKindOf(request.task);
  const tokenIds = new ModelTokenIds(prepared, request.unkeptTokensToUnk);
  const encoder =
    recordKind === 'questions'
      ? new QuestionEncoder(prepared, request, tokenIds, onSkip)
      : new RecordEncoder(prepared, request, tokenIds, onSkip);
  const splits = new Map<Split, EncodedDataset>();
  const words = new Map<Split, SplitWords>();
  const targetTexts = new Map<Split, readonly (string | undefined)[]>();
  // Train first: its labels decide which ones the other splits may have.
  for (const file of request.dataset.files.toSorted((a, b) => a.split - b.split)) {
    const source = await openByteSource(file.uri);
    try {
      const records = readRecords(source, {
        ...(file.format === DatasetFormat.UNSPECIFIED ? {} : { format: FORMAT_NAMES[file.format] }),
        ...columnOptions(request, recordKind),
        skipInvalid: request.dataset.skipInvalid,
        onSkip,
      });
      if (encoder instanceof QuestionEncoder) {
        // Answers are told of what is predicted or evaluated.
        const keepsPlaces = !request.needsLabels || file.split !== Split.TRAIN;
        splits.set(file.split, await encoder.encodeAll(records, source.name, keepsPlaces));
        continue;
      }
      const encoded = await encoder.encodeAll(records, source.name, (record) => {
        if (!request.needsLabels) return record.words?.map(() => 0) ?? [0];
        return recordKind === 'words' ? labels.resolveTags(record, source.name) : [labels.resolve(record, source.name)];
      });
      splits.set(file.split, encoded.dataset);
      targetTexts.set(file.split, encoded.targetTexts);
      if (encoded.words !== undefined) words.set(file.split, encoded.words);
      // A tag that training never shows has no part in the head.
      if (recordKind === 'words' && file.split === Split.TRAIN) labels.close();
    } finally {
      await source.close();
    }
  }
  const newIndices = labels.sortNames();
  const labelled = recordKind === 'words' ? words.values().map(({ wordLabels }) => wordLabels) : labelsOf(splits);
  if (newIndices !== undefined)
    for (const indices of labelled) indices.forEach((index, place) => (indices[place] = newIndices[index] ?? index));
  labelTokensOf(splits, words, request.labelsAllTokens === true ? continuationLabels(labels.names ?? []) : undefined);
  return {
    splits,
    labelCount: request.task === 'regression' ? 1 : Math.max(2, labels.count),
    labelNames: labels.names,
    words,
    targetTexts,
    skippedRecordCount,
    mappedToUnkCount: tokenIds.mappedToUnkCount,
  };
}

/** What a task's records are. */
function recordKindOf(task: Task): RecordKind {
  if (task === 'question-answering') return 'questions';
  if (task === 'seq2seq-lm') return 'source-and-target';
  return task === 'token-classification' ? 'words' : 'text';
}

/** Which columns make a record. */
function columnOptions(
  { dataset, needsLabels, needsTargets = true }: DataRequest,
  recordKind: RecordKind,
): ColumnOptions {
  const { text, label } = DEFAULT_COLUMNS[recordKind];
  const isOfQuestions = recordKind === 'questions';
  const textPairColumn = isOfQuestions ? dataset.contextColumn : dataset.textPairColumn;
  return {
    recordKind,
    textColumn: (isOfQuestions ? dataset.questionColumn : dataset.textColumn) || text,
    ...(textPairColumn === '' ? {} : { textPairColumn }),
    ...(needsLabels ? { labelColumn: (isOfQuestions ? dataset.answersColumn : dataset.labelColumn) || label } : {}),
    ...(dataset.targetColumn === '' ? {} : { targetColumn: dataset.targetColumn }),
    needsTarget: needsTargets,
    sourcePrefix: dataset.sourcePrefix,
    allowsUnanswered: dataset.version2WithNegative,
  };
}

function labelsOf(splits: ReadonlyMap<Split, EncodedDataset>): Iterable<Float64Array> {
  return splits.values().map(({ labels }) => labels);
}

/** Gives the tokens of splits of words their classes. */
function labelTokensOf(
  splits: Map<Split, EncodedDataset>,
  words: ReadonlyMap<Split, SplitWords>,
  continued: readonly number[] | undefined,
): void {
  const continuation = continued === undefined ? undefined : (label: number): number => continued[label] ?? label;
  for (const [split, splitWords] of words) {
    const dataset = splits.get(split);
    if (dataset !== undefined) splits.set(split, labelSplit(dataset, splitWords, continuation));
  }
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
