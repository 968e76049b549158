import { DatasetFormat, RecordKind, Split, type AnalysisSpec, type DatasetSpec } from '@pemmican/contract/vocabulary';
import {
  DEFAULT_COLUMNS,
  DEFAULT_DOC_STRIDE,
  DEFAULT_MAX_SEQUENCE_LENGTHS,
  DEFAULT_MAX_TARGET_LENGTH,
  type DatasetFormat as FormatName,
  type RecordKind as RecordKindName,
} from '@pemmican/dataset';
import { artifactName } from '@pemmican/storage';
import type { SplitName } from '@pemmican/vocabulary';
import type { AnalysisRequest } from '../worker/messages.ts';

const SPLIT_NAMES: ReadonlyMap<Split, SplitName> = new Map([
  [Split.TRAIN, 'train'],
  [Split.VALIDATION, 'validation'],
  [Split.TEST, 'test'],
]);
const FORMAT_NAMES: ReadonlyMap<DatasetFormat, FormatName> = new Map([
  [DatasetFormat.JSONL, 'jsonl'],
  [DatasetFormat.JSON, 'json'],
  [DatasetFormat.CSV, 'csv'],
  [DatasetFormat.TSV, 'tsv'],
  [DatasetFormat.TEXT, 'text'],
  [DatasetFormat.PARQUET, 'parquet'],
]);

const KIND_NAMES: ReadonlyMap<RecordKind, RecordKindName> = new Map([
  [RecordKind.WORDS, 'words'],
  [RecordKind.QUESTIONS, 'questions'],
  [RecordKind.SOURCE_AND_TARGET, 'source-and-target'],
  [RecordKind.PROMPT_AND_COMPLETION, 'prompt-and-completion'],
  [RecordKind.MESSAGES, 'messages'],
]);

/** The split's name; undefined for a number that names none. */
export function toSplitName(split: Split): SplitName | undefined {
  return SPLIT_NAMES.get(split);
}

/** The number of a split. */
export function fromSplitName(name: SplitName): Split {
  return [...SPLIT_NAMES].find(([, candidate]) => candidate === name)?.[0] ?? Split.UNSPECIFIED;
}

/** Whether the number names a format, or asks for it to be found out. */
export function isKnownFormat(format: DatasetFormat): boolean {
  return format === DatasetFormat.UNSPECIFIED || FORMAT_NAMES.has(format);
}

/** Columns of the texts and of the labels, by what a record is. */
function columnsOf(
  dataset: DatasetSpec,
  recordKind: RecordKindName,
): { text: string; textPair: string; label: string } {
  const { text, label } = DEFAULT_COLUMNS[recordKind];
  return recordKind === 'questions'
    ? {
        text: dataset.questionColumn || text,
        textPair: dataset.contextColumn,
        label: dataset.answersColumn || label,
      }
    : { text: dataset.textColumn || text, textPair: dataset.textPairColumn, label: dataset.labelColumn || label };
}

/** A spec that was found valid, with the defaults filled in. */
export function toAnalysisRequest(spec: AnalysisSpec): AnalysisRequest {
  const { dataset } = spec;
  if (dataset === undefined) throw new TypeError('Unreachable: a spec without a data set was refused');
  const recordKind = KIND_NAMES.get(dataset.recordKind) ?? 'text';
  const hasTargets = recordKind === 'source-and-target';
  const columns = columnsOf(dataset, recordKind);
  const { blockSize, assistantOnlyLoss, chatTemplate } = dataset;
  const areSequences = blockSize > 0 || recordKind === 'prompt-and-completion' || recordKind === 'messages';
  return {
    modelUri: spec.modelUri,
    files: dataset.files
      .toSorted((a, b) => a.split - b.split)
      .map((file) => {
        const split = toSplitName(file.split);
        if (split === undefined) throw new TypeError('Unreachable: a file without a split was refused');
        const format = FORMAT_NAMES.get(file.format);
        const options = {
          ...(format === undefined ? {} : { format }),
          recordKind,
          textColumn: columns.text,
          ...(columns.textPair === '' ? {} : { textPairColumn: columns.textPair }),
          ...(dataset.targetColumn === '' ? {} : { targetColumn: dataset.targetColumn }),
          sourcePrefix: dataset.sourcePrefix,
          promptColumn: dataset.promptColumn || 'prompt',
          completionColumn: dataset.completionColumn || 'completion',
          messagesColumn: dataset.messagesColumn || 'messages',
          skipInvalid: dataset.skipInvalid,
          allowsUnanswered: dataset.version2WithNegative,
        };
        return { split, path: artifactName(file.uri), options };
      }),
    recordKind,
    ...(areSequences ? { sequences: { blockSize, assistantOnlyLoss, chatTemplate } } : {}),
    labelColumn: columns.label,
    isLabelColumnRequired: !hasTargets && columns.label !== DEFAULT_COLUMNS[recordKind].label,
    maxSequenceLength: blockSize || dataset.maxSequenceLength || DEFAULT_MAX_SEQUENCE_LENGTHS[recordKind],
    ...(hasTargets ? { maxTargetLength: dataset.maxTargetLength || DEFAULT_MAX_TARGET_LENGTH } : {}),
    ...(recordKind === 'questions' ? { docStride: dataset.docStride ?? DEFAULT_DOC_STRIDE } : {}),
    keepTokenIds: spec.keepTokenIds,
    replacementSeed: spec.replacementSeed,
    padToMultipleOf: spec.padToMultipleOf,
    minCount: spec.minCount,
    maxRows: spec.maxRows,
  };
}
