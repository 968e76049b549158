import type { AnalysisProgress } from '@pemmican/contract/vocabulary';
import { openFolder, parseLocation, type HubOptions } from '@pemmican/storage';
import { analyzeVocabulary, type AnalyzedSplit, type VocabularyProfile } from '@pemmican/vocabulary';
import { PEMMICAN_VERSION } from '../version.ts';
import { closeFiles, openFiles, toAnalyzedSplit } from './dataset-files.ts';
import type { AnalysisRequest, Phase } from './messages.ts';
import { openModelInputs } from './model-inputs.ts';
import { ProgressMeter } from './progress-meter.ts';

export interface AnalyzeHooks {
  readonly hub: HubOptions;
  readonly onProgress: (progress: AnalysisProgress) => void;
  readonly onPhase: (phase: Phase) => void;
}

/** Counts the vocabulary that a request asks for and selects the rows. */
export async function analyze(request: AnalysisRequest, hooks: AnalyzeHooks): Promise<VocabularyProfile> {
  const inPhase = async <Value>(name: string, work: () => Promise<Value>): Promise<Value> => {
    const startMs = Date.now();
    const value = await work();
    hooks.onPhase({ name, startMs, endMs: Date.now() });
    return value;
  };
  const folder = await inPhase('fetch model', () => openFolder(request.modelUri, { hub: hooks.hub }));
  const model = await inPhase('open tokenizer', () => openModelInputs(folder));
  const files = await inPhase('open files', () => openFiles(request));
  try {
    const totalBytes = files.reduce((sum, { source }) => sum + source.sizeBytes, 0);
    const meter = new ProgressMeter(totalBytes, hooks.onProgress);
    let countedMs = Date.now();
    const splits = files.map((file, index) => {
      const split = toAnalyzedSplit(file, (bytes) => {
        meter.setFileBytes(index, bytes);
      });
      return withEnd(split, () => {
        const startMs = countedMs;
        countedMs = Date.now();
        hooks.onPhase({ name: `tokenize and count ${split.split}`, startMs, endMs: countedMs });
      });
    });
    const profile = await analyzeVocabulary(splits, {
      pemmicanVersion: PEMMICAN_VERSION,
      tokenizer: model.tokenizer,
      tokenizerDigest: model.digest,
      modelVocabSize: model.vocabSize,
      hiddenSize: model.hiddenSize,
      maxSequenceLength: request.maxSequenceLength,
      keepTokenIds: request.keepTokenIds,
      padToMultipleOf: request.padToMultipleOf,
      minCount: request.minCount,
      maxRows: request.maxRows,
      onProgress: (counts) => {
        meter.report(counts);
      },
    });
    hooks.onPhase({ name: 'select rows', startMs: countedMs, endMs: Date.now() });
    meter.flush();
    return profile;
  } finally {
    await closeFiles(files);
  }
}

/** Reads what a request names: the tokenizer, the files, the columns of their first records. A hub is not asked. */
export async function check(request: AnalysisRequest, hub: HubOptions): Promise<void> {
  if (parseLocation(request.modelUri).kind === 'local')
    await openModelInputs(await openFolder(request.modelUri, { hub }));
  await closeFiles(await openFiles(request));
}

function withEnd(split: AnalyzedSplit, onEnd: () => void): AnalyzedSplit {
  async function* records(): AsyncGenerator<{ text: string; textPair?: string }, void, undefined> {
    yield* split.records;
    onEnd();
  }
  return { ...split, records: records() };
}
