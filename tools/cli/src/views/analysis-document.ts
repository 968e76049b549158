import type { AnalysisResult } from '@pemmican/contract/vocabulary';

import { splitName } from '../output/evaluation.ts';

/** What an analysis found, as the JSON documents of the command say it: every field, names in place of numbers. */
export function analysisDocument(result: AnalysisResult): Record<string, unknown> {
  return {
    fullVocabSize: result.fullVocabSize,
    reducedVocabSize: result.reducedVocabSize,
    hiddenSize: result.hiddenSize,
    keptTokenIdsDigest: result.keptTokenIdsDigest,
    tokenizerDigest: result.tokenizerDigest,
    splits: result.splits.map((usage) => ({ ...usage, split: splitName(usage.split) })),
    fullEmbeddingTrainingBytes: result.fullEmbeddingTrainingBytes,
    reducedEmbeddingTrainingBytes: result.reducedEmbeddingTrainingBytes,
    droppedTokenCount: result.droppedTokenCount,
    droppedOccurrenceCount: result.droppedOccurrenceCount,
    rankFrequency: result.rankFrequency,
    coverage: result.coverage,
  };
}
