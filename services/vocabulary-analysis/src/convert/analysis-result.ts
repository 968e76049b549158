import type { AnalysisResult, SplitUsage } from '@pemmican/contract/vocabulary';
import {
  coverageCurve,
  embeddingTrainingBytes,
  rankFrequency,
  type SplitProfile,
  type VocabularyProfile,
} from '@pemmican/vocabulary';
import { fromSplitName } from './analysis-request.ts';

/** What clients are told of a profile. */
export function toAnalysisResult(
  profile: VocabularyProfile,
  profileUri: string,
  profileSizeBytes: number,
): AnalysisResult {
  return {
    fullVocabSize: profile.fullVocabSize,
    reducedVocabSize: profile.keptTokenIds.length,
    hiddenSize: profile.hiddenSize,
    keptTokenIdsDigest: profile.keptTokenIdsDigest,
    tokenizerDigest: profile.tokenizerDigest,
    splits: profile.splits.map(toSplitUsage),
    rankFrequency: rankFrequency(profile),
    coverage: coverageCurve(profile),
    fullEmbeddingTrainingBytes: embeddingTrainingBytes(profile.fullVocabSize, profile.hiddenSize),
    reducedEmbeddingTrainingBytes: embeddingTrainingBytes(profile.keptTokenIds.length, profile.hiddenSize),
    droppedTokenCount: profile.droppedTokenCount,
    droppedOccurrenceCount: profile.droppedOccurrenceCount,
    profileUri,
    profileSizeBytes,
  };
}

function toSplitUsage(split: SplitProfile): SplitUsage {
  return {
    split: fromSplitName(split.split),
    recordCount: split.recordCount,
    skippedRecordCount: split.skippedRecordCount,
    tokenCount: split.tokenCount,
    distinctTokenCount: split.distinctTokenCount,
    addedTokenCount: split.addedTokenCount,
    truncatedRecordCount: split.truncatedRecordCount,
    tokensPerRecordP50: split.tokensPerRecord.p50,
    tokensPerRecordP90: split.tokensPerRecord.p90,
    tokensPerRecordP99: split.tokensPerRecord.p99,
    tokensPerRecordMax: split.tokensPerRecord.max,
    tokensPerTargetMax: split.targetLengths?.at(-1)?.[0] ?? 0,
  };
}
