/**
 * The vocabulary that a data set uses: counts, the rows to keep, the token id map and its manifest.
 * @module
 */
export {
  analyzeVocabulary,
  profileOf,
  type AnalysisOptions,
  type AnalysisProgress,
  type AnalyzedRecord,
  type AnalyzedSplit,
  type ProfileOptions,
} from './analyze.ts';
export type { SelectionSettings } from './assemble-profile.ts';
export { coverageCurve, embeddingTrainingBytes, rankFrequency } from './curves.ts';
export { VocabularyError, type VocabularyErrorCode } from './error.ts';
export {
  TOKEN_ID_MAP_FILE_NAME,
  parseManifest,
  tokenIdMapOf,
  type ReducedTensor,
  type TokenIdMapManifest,
} from './manifest.ts';
export { ProfileMerger, type NamedProfile } from './merge-profiles.ts';
export {
  SPLITS,
  parseProfile,
  totalCounts,
  type SplitName,
  type SplitProfile,
  type VocabularyProfile,
} from './profile.ts';
export {
  reduceTokenizer,
  reduceTokenizerConfig,
  unkTokenIdOf,
  type ReduceTokenizerOptions,
} from './reduced-tokenizer.ts';
export { replacementTokenIds } from './replacement-tokens.ts';
export { selectKeptTokenIds, type Selection, type SelectionOptions } from './selection.ts';
export { SplitCounter, type SplitCounterOptions } from './split-counter.ts';
export { WindowCounter, type WindowCount, type WindowCounterOptions } from './window-counter.ts';
export { SplitSum, type SplitTally } from './split-sum.ts';
export { TokenCounter } from './token-counter.ts';
export { TokenIdMap } from './token-id-map.ts';
export { describeTokenWithoutRow, findTokenWithoutRow } from './token-without-row.ts';
