import type { AnalysisProgress } from '@pemmican/contract/vocabulary';
import type { ReadOptions, RecordKind } from '@pemmican/dataset';
import type { HubOptions } from '@pemmican/storage';
import type { SplitName, VocabularyProfile } from '@pemmican/vocabulary';
import type { PlainError } from './plain-error.ts';

/** A file of records. */
export interface RequestedFile {
  readonly split: SplitName;
  readonly path: string;
  /** How its records are read, labels apart. */
  readonly options: Omit<ReadOptions, 'labelColumn' | 'onRead' | 'onSkip'>;
}

/** How records become the sequences that a language model reads. */
export interface SequenceRequest {
  /** Tokens of a block; 0: no blocks. */
  readonly blockSize: number;
  readonly assistantOnlyLoss: boolean;
  /** A template in place of the model's; empty: the model's. */
  readonly chatTemplate: string;
}

/** What an analysis is asked to do, in the libraries' terms. */
export interface AnalysisRequest {
  readonly modelUri: string;
  /** In the order train, validation, test, so that "what validation adds" means beyond training. */
  readonly files: readonly RequestedFile[];
  readonly recordKind: RecordKind;
  /** Set where records are no texts, or are packed; they have no labels then. */
  readonly sequences?: SequenceRequest;
  readonly labelColumn: string;
  /** The column was named on purpose: a file without it is refused. */
  readonly isLabelColumnRequired: boolean;
  readonly maxSequenceLength: number;
  /** Of records of source and target. */
  readonly maxTargetLength?: number;
  /** Set where records are questions: tokens of a context that a window shares with the one before it. */
  readonly docStride?: number;
  readonly keepTokenIds: readonly number[];
  /** Seed of the masked language modeling whose replacements are kept; undefined: none are. */
  readonly replacementSeed: number | undefined;
  readonly padToMultipleOf: number;
  readonly minCount: number;
  readonly maxRows: number;
}

/** Profiles to add up. */
export interface MergeRequest {
  readonly profileFiles: readonly string[];
  readonly keepTokenIds: readonly number[];
  readonly padToMultipleOf: number;
  readonly minCount: number;
  readonly maxRows: number;
}

/** What counting may take of the machine. */
export interface CountingLimits {
  /** Most threads that count. */
  readonly threadCount: number;
  /** Most bytes that remembered chunks of text take, over all threads. */
  readonly memoBytes: number;
}

/** What a worker is started with. */
export type WorkerTask =
  /** Reads what a request names, as far as that takes no time. */
  | { readonly kind: 'check'; readonly request: AnalysisRequest; readonly hub: HubOptions }
  | {
      readonly kind: 'analyze';
      readonly request: AnalysisRequest;
      readonly hub: HubOptions;
      readonly limits: CountingLimits;
    }
  | { readonly kind: 'merge'; readonly request: MergeRequest };

/** A task with what its threads share with those who end them. */
export type WorkerSetup = WorkerTask & {
  /** State of NativeCalls. */
  readonly nativeCalls: SharedArrayBuffer;
};

/** A part of the work that has ended, on the clock of Date.now(). */
export interface Phase {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** What a worker says. */
export type WorkerMessage =
  | { readonly type: 'progress'; readonly progress: AnalysisProgress }
  | { readonly type: 'phase'; readonly phase: Phase }
  | { readonly type: 'checked' }
  /** The profile of an analysis or a merge. */
  | { readonly type: 'analyzed'; readonly profile: VocabularyProfile }
  | { readonly type: 'failed'; readonly error: PlainError };
