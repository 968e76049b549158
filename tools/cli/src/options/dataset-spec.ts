import { DatasetFormat, RecordKind, Split } from '@pemmican/contract/vocabulary';
import type { DatasetFile, DatasetSpec } from '@pemmican/contract/vocabulary';

import type { ColumnOptions, DataFormat, DatasetOptions } from './dataset-options.ts';
import { toServiceLocation } from './location.ts';
import { toSequenceSpec } from './sequence-spec.ts';

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
  const isOfWords = options.task === 'token-classification';
  return {
    files: files.flatMap(([split, file]) =>
      file === undefined ? [] : [{ split, uri: toServiceLocation(file), format: toDatasetFormat(options.dataFormat) }],
    ),
    textColumn: options.textColumn ?? (isOfWords ? 'tokens' : 'text'),
    textPairColumn: options.textPairColumn ?? '',
    labelColumn: options.labelColumn ?? (isOfWords ? 'ner_tags' : 'label'),
    skipInvalid: options.skipInvalid === true,
    maxSequenceLength: options.maxSeqLength,
    recordKind: isOfWords ? RecordKind.WORDS : RecordKind.TEXT,
    ...toSequenceSpec(options),
  };
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
