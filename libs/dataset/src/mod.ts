/**
 * Records of labelled text out of JSONL, JSON, CSV, TSV, plain text and Parquet, streamed.
 * @module
 */
export type { Answer } from './answers.ts';
export { DatasetError, type DatasetErrorCode } from './error.ts';
export { findTargetProblems, type TargetFields, type TargetProblem } from './find-target-problems.ts';
export { LabelVocabulary, type LabelVocabularyOptions } from './label-vocabulary.ts';
export { MAX_RECORD_BYTES } from './limits.ts';
export { ROLES, type Message, type Role } from './messages.ts';
export {
  DEFAULT_COLUMNS,
  DEFAULT_DOC_STRIDE,
  DEFAULT_MAX_SEQUENCE_LENGTHS,
  DEFAULT_MAX_TARGET_LENGTH,
  DEFAULT_TARGET_COLUMN,
  type ColumnOptions,
  type RecordFields,
  type RecordKind,
} from './record-fields.ts';
export { DATASET_FORMATS, formatOf, type DatasetFormat, type PieceFormat } from './record-format.ts';
export { RecordParser, type RecordParserOptions, type RowOptions, type TextBlockBuilder } from './record-parser.ts';
export { readPieces, readRecords, type DatasetRecord, type PieceOptions, type ReadOptions } from './records.ts';
export type { RowPiece } from './row-piece.ts';
export type { DatasetSource } from './source.ts';
export type { TextBlock, Utf8Check } from './text-block.ts';
