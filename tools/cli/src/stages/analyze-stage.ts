import { AnalysisResult } from '@pemmican/contract/vocabulary';
import type { AnalysisProgress, AnalysisSpec } from '@pemmican/contract/vocabulary';

import { analysisJob } from '../jobs/kinds.ts';
import type { DatasetOptions } from '../options/dataset-options.ts';
import { toDatasetSpec } from '../options/dataset-spec.ts';
import { isS3, toServiceLocation } from '../options/location.ts';
import type { SelectionOptions } from '../options/selection-options.ts';
import { formatBytes, formatCount, formatDuration, formatPercent } from '../output/units.ts';
import { downloadProfile } from './download-profile.ts';
import type { StageContext } from './stage.ts';
import { runStage } from './stage.ts';

/** The contract's message for an analysis. The profile comes back by DownloadProfile, so the service writes no file. */
export function toAnalysisSpec(
  options: DatasetOptions &
    SelectionOptions & {
      readonly model: string;
      readonly preprocessingNumWorkers?: number;
      /** Seed of the masked language modeling that is to follow. */
      readonly replacementSeed?: number | undefined;
    },
): AnalysisSpec {
  return {
    modelUri: toServiceLocation(options.model),
    dataset: toDatasetSpec(options),
    keepTokenIds: [...(options.keepTokenIds ?? [])],
    replacementSeed: options.replacementSeed,
    padToMultipleOf: options.padToMultipleOf,
    minCount: options.minCount,
    maxRows: options.maxRows,
    profileUri: '',
    threadCount: options.preprocessingNumWorkers ?? 0,
  };
}

/**
 * Counts the vocabulary and fetches the profile into `profileFile`, unless there is none to write. One in a bucket is written by the
 * service.
 */
export async function analyzeStage(
  spec: AnalysisSpec,
  profileFile: string | undefined,
  context: StageContext,
): Promise<AnalysisResult> {
  const client = context.pool.vocabulary;
  const isRemote = profileFile !== undefined && isS3(profileFile);
  const analysis = await runStage(
    analysisJob(client, isRemote ? { ...spec, profileUri: profileFile } : spec),
    {
      title: 'Analyze',
      onEvent: (event, progress) => {
        if (event.$case === 'progress') progress.update(share(event.value), describe(event.value));
      },
      summarize: ({ result }) => summarize(result ?? AnalysisResult.create()),
    },
    context,
  );
  if (profileFile !== undefined && !isRemote)
    await downloadProfile(client, analysis.name, profileFile, context.interrupt.signal);
  return analysis.result ?? AnalysisResult.create();
}

function share(progress: AnalysisProgress): number {
  return progress.totalBytes > 0 ? progress.processedBytes / progress.totalBytes : 0;
}

function describe(progress: AnalysisProgress): string {
  const parts = [
    `${formatCount(progress.recordCount)} records`,
    `${formatCount(progress.distinctTokenCount)} ids`,
    `${formatBytes(progress.throughputBytesPerSecond)}/s`,
  ];
  if (progress.remaining !== undefined) {
    parts.push(`${formatDuration(progress.remaining.seconds * 1000 + progress.remaining.nanos / 1e6)} left`);
  }
  return parts.join(', ');
}

function summarize(result: AnalysisResult): string {
  const { reducedVocabSize, fullVocabSize } = result;
  return `${formatCount(reducedVocabSize)} of ${formatCount(fullVocabSize)} rows are used (${formatPercent(reducedVocabSize / fullVocabSize)})`;
}
