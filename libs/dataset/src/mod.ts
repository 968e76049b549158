/**
 * Records of labelled text out of JSONL, JSON, CSV, TSV, plain text and Parquet, streamed.
 * @module
 */
export { DatasetError, type DatasetErrorCode } from './error.ts';
export { LabelVocabulary, type LabelVocabularyOptions } from './label-vocabulary.ts';
export { MAX_RECORD_BYTES } from './limits.ts';
export {
  DATASET_FORMATS,
  formatOf,
  readRecords,
  type DatasetFormat,
  type DatasetRecord,
  type ReadOptions,
} from './records.ts';
export type { DatasetSource } from './source.ts';
