import path from 'node:path';
import type { AnalysisProgress, AnalysisResult, AnalysisSpec } from '@pemmican/contract/vocabulary';
import { artifactName, writeFileWhole } from '@pemmican/storage';
import { withSpan } from '@pemmican/telemetry';
import type { VocabularyAnalysisConfig } from './config.ts';
import { toAnalysisRequest } from './convert/analysis-request.ts';
import { toAnalysisResult } from './convert/analysis-result.ts';
import { runInWorker } from './run-in-worker.ts';
import type { CountingLimits } from './worker/messages.ts';

export interface AnalysisHooks {
  readonly uid: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: AnalysisProgress) => void;
}

/** File in which the profile of an analysis is kept for DownloadProfile. */
export function profileFile(config: VocabularyAnalysisConfig, uid: string): string {
  return path.join(config.stateDirectory, 'profiles', `${uid}.json`);
}

/** Counts the vocabulary that a spec asks for and writes the profile. */
export async function analysisJob(
  spec: AnalysisSpec,
  config: VocabularyAnalysisConfig,
  hooks: AnalysisHooks,
): Promise<AnalysisResult> {
  const { uid, signal, onProgress } = hooks;
  const task = {
    kind: 'analyze',
    request: toAnalysisRequest(spec),
    hub: config.hub,
    limits: limitsOf(spec, config),
  } as const;
  const profile = await runInWorker(task, { signal, onProgress });
  if (profile === undefined) throw new TypeError('Unreachable: an analysis ends with a profile or an error');
  const bytes = new TextEncoder().encode(`${JSON.stringify(profile)}\n`);
  const profileUri = spec.profileUri === '' ? '' : artifactName(spec.profileUri);
  await withSpan('write profile', { 'pemmican.bytes': bytes.length }, async () => {
    await writeFileWhole(profileFile(config, uid), bytes, { tag: uid, signal });
    if (profileUri !== '') await writeFileWhole(profileUri, bytes, { tag: uid, signal });
  });
  return toAnalysisResult(profile, profileUri, bytes.length);
}

/** What the service allows, or less where the spec asks for it. */
function limitsOf({ threadCount }: AnalysisSpec, { counting }: VocabularyAnalysisConfig): CountingLimits {
  return threadCount === 0 ? counting : { ...counting, threadCount: Math.min(threadCount, counting.threadCount) };
}
