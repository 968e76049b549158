/**
 * Partial embedding matrix adaptation on checkpoints: keep the rows of the word embedding that a run uses, and put the trained
 * rows back into the full matrix afterwards. Streamed: memory does not grow with the checkpoint.
 * @module
 */
export {
  adaptedRowsPart,
  fullTokenIdsOf,
  readAdapterMap,
  type AdapterMap,
  type AdapterRows,
  type StoredTensor,
} from './adapter-rows.ts';
export { CONFIG_FILE_NAME, ModelConfig } from './config-file.ts';
export {
  findEmbeddingMatrix,
  vocabularyTensors,
  type EmbeddingMatrix,
  type VocabularyTensor,
} from './embedding-matrix.ts';
export { embeddingNames, type EmbeddingNames } from './embedding-names.ts';
export { EmbeddingError, type EmbeddingErrorCode } from './error.ts';
export { checkpointFingerprint, tokenizerDigest } from './fingerprint.ts';
export { hasManifest, readManifest } from './manifest-check.ts';
export { mergeAdapter, type AdapterFile, type MergeOptions, type MergeResult } from './merge-adapter.ts';
export { reduceCheckpoint, type ReduceOptions, type ReduceResult } from './reduce.ts';
export { restoreCheckpoint, type RestoreInputs, type RestoreOptions, type RestoreResult } from './restore.ts';
export type { TensorNaming } from './tensor-names.ts';
export { verifyRestored, type VerifyOptions, type VerifyProblem, type VerifyReport } from './verify.ts';
export type { SurgeryProgress, SurgeryTarget } from './write-model-folder.ts';
