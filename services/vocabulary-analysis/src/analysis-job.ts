import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  DatasetFormat,
  Split,
  type AnalysisProgress,
  type AnalysisResult,
  type AnalysisSpec,
  type DatasetFile,
  type DatasetSpec,
} from '@pemmican/contract/vocabulary';
import { readRecords } from '@pemmican/dataset';
import { StorageError, localPath, openByteSource, openFolder, readJson, type HubOptions } from '@pemmican/storage';
import type { ByteSource, FolderReader } from '@pemmican/safetensors';
import { withSpan } from '@pemmican/telemetry';
import { Tokenizer } from '@pemmican/tokenizer';
import {
  VocabularyError,
  analyzeVocabulary,
  coverageCurve,
  embeddingTrainingBytes,
  rankFrequency,
  type AnalyzedSplit,
  type SplitName,
  type VocabularyProfile,
} from '@pemmican/vocabulary';

const PEMMICAN_VERSION = '0.1.0';
const DEFAULT_MAX_SEQUENCE_LENGTH = 128;
const MAX_CONFIG_BYTES = 10_000_000;
const MAX_TOKENIZER_BYTES = 200_000_000;

const SPLIT_NAMES: Readonly<Record<Split, SplitName | undefined>> = {
  [Split.UNSPECIFIED]: undefined,
  [Split.TRAIN]: 'train',
  [Split.VALIDATION]: 'validation',
  [Split.TEST]: 'test',
};
const SPLIT_NUMBERS: Readonly<Record<SplitName, Split>> = {
  train: Split.TRAIN,
  validation: Split.VALIDATION,
  test: Split.TEST,
};
const FORMAT_NAMES = {
  [DatasetFormat.JSONL]: 'jsonl',
  [DatasetFormat.JSON]: 'json',
  [DatasetFormat.CSV]: 'csv',
  [DatasetFormat.TSV]: 'tsv',
  [DatasetFormat.TEXT]: 'text',
  [DatasetFormat.PARQUET]: 'parquet',
} as const;

export interface AnalysisHooks {
  readonly signal: AbortSignal;
  readonly hub: HubOptions;
  readonly onProgress: (progress: AnalysisProgress) => void;
}

/** Where the profile of an analysis is kept for DownloadProfile. */
export interface AnalysisOutput {
  readonly profileFile: string;
}

/** Counts the vocabulary that a spec asks for and writes the profile. */
export async function analysisJob(
  spec: AnalysisSpec,
  output: AnalysisOutput,
  hooks: AnalysisHooks,
): Promise<AnalysisResult> {
  const folder = await openFolder(spec.modelUri, { hub: hooks.hub });
  const { vocabSize, hiddenSize } = await readConfig(folder);
  const { tokenizer, digest } = await withSpan('open tokenizer', {}, () => openTokenizer(folder));
  if (tokenizer.vocabSize > vocabSize) {
    throw new VocabularyError(
      'TOKENIZER_TOO_LARGE',
      `${folder.name}: the tokenizer has ids up to ${tokenizer.vocabSize - 1}, the embedding matrix has ${vocabSize} rows`,
    );
  }
  const dataset = spec.dataset;
  if (dataset === undefined) throw new TypeError('Unreachable: a spec without a data set was refused');
  const files = await openFiles(dataset);
  const meter = new ProgressMeter(
    files.reduce((sum, { source }) => sum + source.sizeBytes, 0),
    hooks.onProgress,
  );
  try {
    const profile = await withSpan('tokenize and count', { 'pemmican.files': files.length }, () =>
      analyzeVocabulary(
        files.map(({ file, source }) => analyzedSplit(file, source, dataset, meter)),
        {
          pemmicanVersion: PEMMICAN_VERSION,
          tokenizer,
          tokenizerDigest: digest,
          modelVocabSize: vocabSize,
          hiddenSize,
          maxSequenceLength: dataset.maxSequenceLength || DEFAULT_MAX_SEQUENCE_LENGTH,
          keepTokenIds: spec.keepTokenIds,
          padToMultipleOf: spec.padToMultipleOf,
          minCount: spec.minCount,
          maxRows: spec.maxRows,
          signal: hooks.signal,
          onProgress: (progress) => meter.report(progress),
        },
      ),
    );
    const bytes = new TextEncoder().encode(`${JSON.stringify(profile)}\n`);
    await writeWhole(output.profileFile, bytes);
    const profileUri = spec.profileUri === '' ? '' : localPath(spec.profileUri);
    if (profileUri !== '') await writeWhole(profileUri, bytes);
    return toResult(profile, profileUri, bytes.length);
  } finally {
    await Promise.all(files.map(({ source }) => source.close()));
  }
}

async function readConfig(folder: FolderReader): Promise<{ vocabSize: number; hiddenSize: number }> {
  const config = await readJson(folder, 'config.json', { maxBytes: MAX_CONFIG_BYTES });
  if (config === undefined) throw new StorageError('NOT_FOUND', `${folder.name}/config.json`, 'there is no such file');
  const count = (field: string): number => {
    const value =
      typeof config === 'object' && config !== null ? (config as Record<string, unknown>)[field] : undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
    throw new StorageError(
      'INVALID_JSON',
      `${folder.name}/config.json`,
      `${field} is ${JSON.stringify(value)}, expected a positive integer`,
    );
  };
  return { vocabSize: count('vocab_size'), hiddenSize: count('hidden_size') };
}

async function openTokenizer(folder: FolderReader): Promise<{ tokenizer: Tokenizer; digest: string }> {
  const config = await readJson(folder, 'tokenizer_config.json', { maxBytes: MAX_CONFIG_BYTES });
  for (const fileName of ['tokenizer.json', 'vocab.txt'] as const) {
    const source = await folder.open(fileName);
    if (source === undefined) continue;
    try {
      if (source.sizeBytes > MAX_TOKENIZER_BYTES)
        throw new StorageError(
          'TOO_LARGE',
          source.name,
          `${source.sizeBytes} bytes are over the limit of ${MAX_TOKENIZER_BYTES}`,
        );
      const bytes = new Uint8Array(source.sizeBytes);
      await source.read(0, bytes);
      const options = { fileName: source.name, ...(config === undefined ? {} : { config }) };
      const tokenizer =
        fileName === 'tokenizer.json' ? Tokenizer.fromJson(bytes, options) : Tokenizer.fromVocabTxt(bytes, options);
      const digest = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
      return { tokenizer, digest: `sha256:${digest}` };
    } finally {
      await source.close();
    }
  }
  throw new StorageError('NOT_FOUND', folder.name, 'there is neither tokenizer.json nor vocab.txt');
}

interface OpenFile {
  readonly file: DatasetFile;
  readonly source: ByteSource;
}

/** Opens the files in the order of the splits, so that "what validation adds" means beyond training. */
async function openFiles(dataset: DatasetSpec): Promise<OpenFile[]> {
  const files: OpenFile[] = [];
  for (const file of dataset.files.toSorted((a, b) => a.split - b.split))
    files.push({ file, source: await openByteSource(localPath(file.uri)) });
  return files;
}

function analyzedSplit(
  file: DatasetFile,
  source: ByteSource,
  dataset: DatasetSpec,
  meter: ProgressMeter,
): AnalyzedSplit {
  const split = SPLIT_NAMES[file.split];
  if (split === undefined) throw new TypeError('Unreachable: a file without a split was refused');
  let skipped = 0;
  return {
    split,
    records: readRecords(source, {
      ...(file.format === DatasetFormat.UNSPECIFIED ? {} : { format: FORMAT_NAMES[file.format] }),
      textColumn: dataset.textColumn || 'text',
      ...(dataset.textPairColumn === '' ? {} : { textPairColumn: dataset.textPairColumn }),
      // Rows without a label are left out of training, so their tokens must not count; a column that is not named is not asked for.
      ...(dataset.labelColumn === '' ? {} : { labelColumn: dataset.labelColumn }),
      skipInvalid: dataset.skipInvalid,
      onSkip: () => {
        skipped++;
      },
      onRead: (bytes) => {
        meter.setFileBytes(source.name, bytes);
      },
    }),
    skippedRecordCount: () => skipped,
  };
}

/** Turns counts into progress messages, with throughput and time left. */
class ProgressMeter {
  readonly #totalBytes: number;
  readonly #send: (progress: AnalysisProgress) => void;
  readonly #fileBytes = new Map<string, number>();
  readonly #startMs = performance.now();
  #sentMs = -Infinity;

  constructor(totalBytes: number, send: (progress: AnalysisProgress) => void) {
    this.#totalBytes = totalBytes;
    this.#send = send;
  }

  setFileBytes(name: string, bytes: number): void {
    this.#fileBytes.set(name, bytes);
  }

  async report(counts: { recordCount: number; tokenCount: number; distinctTokenCount: number }): Promise<void> {
    const nowMs = performance.now();
    const processedBytes = [...this.#fileBytes.values()].reduce((sum, bytes) => sum + bytes, 0);
    if (nowMs - this.#sentMs >= 100 || processedBytes === this.#totalBytes) {
      this.#sentMs = nowMs;
      const throughputBytesPerSecond = processedBytes / Math.max(0.001, (nowMs - this.#startMs) / 1000);
      const remainingSeconds = (this.#totalBytes - processedBytes) / Math.max(1, throughputBytesPerSecond);
      const remaining = { seconds: Math.floor(remainingSeconds), nanos: Math.floor((remainingSeconds % 1) * 1e9) };
      this.#send({ ...counts, processedBytes, totalBytes: this.#totalBytes, throughputBytesPerSecond, remaining });
    }
    // Calls come in between: the service stays responsive.
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(`${file}.tmp`, bytes, { flush: true });
  await rename(`${file}.tmp`, file);
}

function toResult(profile: VocabularyProfile, profileUri: string, profileSizeBytes: number): AnalysisResult {
  return {
    fullVocabSize: profile.fullVocabSize,
    reducedVocabSize: profile.keptTokenIds.length,
    hiddenSize: profile.hiddenSize,
    keptTokenIdsDigest: profile.keptTokenIdsDigest,
    tokenizerDigest: profile.tokenizerDigest,
    splits: profile.splits.map((split) => ({
      split: SPLIT_NUMBERS[split.split],
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
    })),
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
