import { DatasetFormat, RecordKind, Split } from '@pemmican/contract/vocabulary';
import type { DatasetFile, DatasetSpec } from '@pemmican/contract/vocabulary';

import type { ColumnOptions, DataFormat, DatasetOptions } from './dataset-options.ts';
import { maxSequenceLengthOf } from './sequence-length.ts';
import { toServiceLocation } from './location.ts';
import { toSourceAndTargetFields } from './seq2seq-options.ts';
import { toSequenceSpec } from './sequence-spec.ts';
import type { TaskName } from './training-options.ts';

/** The contract's message for the files of a job. */
export function toDatasetSpec(options: DatasetOptions): DatasetSpec {
  return toColumnSpec(options, [
    [Split.TRAIN, options.trainFile],
    [Split.VALIDATION, options.validationFile],
    [Split.TEST, options.testFile],
  ]);
}

/** The contract's message for some files with the same columns. */
export function toColumnSpec(
  options: ColumnOptions,
  files: readonly (readonly [DatasetFile['split'], string | undefined])[],
): DatasetSpec {
  const { textColumn, labelColumn, recordKind } = recordsOf(options.task);
  return {
    files: files.flatMap(([split, file]) =>
      file === undefined ? [] : [{ split, uri: toServiceLocation(file), format: toDatasetFormat(options.dataFormat) }],
    ),
    textColumn: options.textColumn ?? textColumn,
    textPairColumn: options.textPairColumn ?? '',
    labelColumn: options.labelColumn ?? labelColumn,
    skipInvalid: options.skipInvalid === true,
    maxSequenceLength: maxSequenceLengthOf(options),
    recordKind,
    docStride: options.docStride,
    questionColumn: options.questionColumn ?? '',
    contextColumn: options.contextColumn ?? '',
    answersColumn: options.answersColumn ?? '',
    version2WithNegative: options.version2WithNegative === true,
    ...toSourceAndTargetFields(options),
    ...toSequenceSpec(options),
  };
}

/** What a task's records are, and what their columns are called. */
function recordsOf(task: TaskName): Pick<DatasetSpec, 'textColumn' | 'labelColumn' | 'recordKind'> {
  if (task === 'question-answering') return { textColumn: '', labelColumn: '', recordKind: RecordKind.QUESTIONS };
  if (task === 'seq2seq-lm')
    return { textColumn: 'text', labelColumn: 'label', recordKind: RecordKind.SOURCE_AND_TARGET };
  return task === 'token-classification'
    ? { textColumn: 'tokens', labelColumn: 'ner_tags', recordKind: RecordKind.WORDS }
    : { textColumn: 'text', labelColumn: 'label', recordKind: RecordKind.TEXT };
}

function toDatasetFormat(format: DataFormat): DatasetFormat {
  switch (format) {
    case 'auto':
      return DatasetFormat.UNSPECIFIED;
    case 'jsonl':
      return DatasetFormat.JSONL;
    case 'json':
      return DatasetFormat.JSON;
    case 'csv':
      return DatasetFormat.CSV;
    case 'tsv':
      return DatasetFormat.TSV;
    case 'text':
      return DatasetFormat.TEXT;
    case 'parquet':
      return DatasetFormat.PARQUET;
  }
}
