import type { AnalysisProgress } from '@pemmican/contract/vocabulary';
import { openFolder, parseLocation, type HubOptions } from '@pemmican/storage';
import {
  profileOf,
  replacementTokenIds,
  type SplitName,
  type SplitSum,
  type VocabularyProfile,
} from '@pemmican/vocabulary';
import { PEMMICAN_VERSION } from '../version.ts';
import { closeFiles, openFiles } from './dataset-files.ts';
import { FileCounter } from './file-counter.ts';
import type { AnalysisRequest, CountingLimits, Phase } from './messages.ts';
import { openModelInputs } from './model-inputs.ts';
import { memoryAdvice } from './native-calls.ts';
import { ProgressMeter } from './progress-meter.ts';
import { SequenceCounter, openSequences } from './sequence-counter.ts';
import { MeasuredThreadStart } from './thread-start.ts';
import { checkRows } from './token-without-row.ts';

export interface AnalyzeHooks {
  readonly hub: HubOptions;
  readonly limits: CountingLimits;
  /** State of NativeCalls. */
  readonly nativeCalls: SharedArrayBuffer;
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
  const model = await inPhase('open tokenizer', () => openModelInputs(folder, request.recordKind));
  const sequences = await openSequences(folder, model, request, memoryAdvice(hooks.nativeCalls));
  const files = await inPhase('open files', () => openFiles(request));
  const meter = new ProgressMeter(
    files.reduce((sum, { source }) => sum + source.sizeBytes, 0),
    hooks.onProgress,
  );
  const { threadCount } = hooks.limits;
  const { maxTargetLength } = request;
  const targetLength = maxTargetLength === undefined ? {} : { maxTargetLength };
  const onCounted = (counts: { recordCount: number; tokenCount: number }): void => {
    meter.report(() => ({ ...counts, distinctTokenCount: counter.distinctTokenCount }));
  };
  const openFileCounter = (): FileCounter =>
    new FileCounter(model.tokenizer, {
      threadCount,
      threadStart:
        threadCount > 1
          ? new MeasuredThreadStart(meter.totalBytes, () => meter.processedBytes, model.tokenizerMs)
          : { isWorthIt: () => false },
      tokenizerFile: model.tokenizerFile,
      rowCount: model.vocabSize,
      maxSequenceLength: request.maxSequenceLength,
      ...targetLength,
      ...(request.docStride === undefined ? {} : { docStride: request.docStride }),
      memoBytes: Math.floor(hooks.limits.memoBytes / threadCount),
      seen: new SharedArrayBuffer(model.tokenizer.vocabSize),
      nativeCalls: hooks.nativeCalls,
      onCounted,
    });
  const counter =
    sequences === undefined
      ? openFileCounter()
      : new SequenceCounter(model.tokenizer, { sequences, rowCount: model.vocabSize, onCounted });
  try {
    const sums = new Map<SplitName, SplitSum>();
    for (const [index, file] of files.entries()) {
      const { split } = file.file;
      const onRead = (bytes: number): void => {
        meter.setFileBytes(index, bytes);
      };
      const sum = await inPhase(`tokenize and count ${split}`, () => counter.count(file, onRead));
      await checkRows(sum, file, model, request);
      sums.set(split, sum);
    }
    const { replacementSeed } = request;
    const profile = await inPhase('select rows', () =>
      profileOf(sums, {
        pemmicanVersion: PEMMICAN_VERSION,
        tokenizer: model.tokenizer,
        tokenizerDigest: model.digest,
        modelVocabSize: model.vocabSize,
        hiddenSize: model.hiddenSize,
        maxSequenceLength: request.maxSequenceLength,
        ...targetLength,
        keepTokenIds: [
          ...request.keepTokenIds,
          ...(replacementSeed === undefined ? [] : replacementTokenIds(model.vocabSize, replacementSeed)),
        ],
        padToMultipleOf: request.padToMultipleOf,
        minCount: request.minCount,
        maxRows: request.maxRows,
      }),
    );
    meter.flush();
    return profile;
  } finally {
    await Promise.all([counter.close(), closeFiles(files)]);
  }
}

/** Reads what a request names: the tokenizer, the files, the columns of their first records. A hub is not asked. */
export async function check(request: AnalysisRequest, hub: HubOptions): Promise<void> {
  if (parseLocation(request.modelUri).kind !== 'hub') {
    const folder = await openFolder(request.modelUri, { hub });
    await openSequences(folder, await openModelInputs(folder, request.recordKind), request, () => undefined);
  }
  await closeFiles(await openFiles(request));
}
