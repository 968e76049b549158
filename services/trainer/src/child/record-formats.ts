import { DatasetFormat } from '@pemmican/contract/vocabulary';

/** Layouts of files by the contract's numbers. */
export const FORMAT_NAMES = {
  [DatasetFormat.JSONL]: 'jsonl',
  [DatasetFormat.JSON]: 'json',
  [DatasetFormat.CSV]: 'csv',
  [DatasetFormat.TSV]: 'tsv',
  [DatasetFormat.TEXT]: 'text',
  [DatasetFormat.PARQUET]: 'parquet',
} as const;
