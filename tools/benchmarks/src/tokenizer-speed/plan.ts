/**
 * What a measuring process is told and what it answers: one JSON object each, on the command line and on the last line of
 * its output.
 * @module
 */

/** One measurement in a process of its own. */
export interface ChildPlan {
  readonly program: string;
  readonly tokenizerFile: string;
  /** Name by which some peers know the encoding, e.g. `o200k_base`. */
  readonly encodingName?: string;
  readonly corpusFile: string;
  /** Ids of the whole corpus by the reference, without the extension; a process with none gives no differences. */
  readonly referencePrefix: string;
  /** What pemmican's process does; the others measure both in one pass, since their counting is encoding and a histogram. */
  readonly task: 'count' | 'encode';
  readonly threadCount: number;
  /** Records that are spread evenly over the corpus, of about this many bytes; the whole corpus without it. */
  readonly sampleBytes?: number;
  /** Records that a call takes. */
  readonly batchRecords: number;
  /** Bytes of the blocks that pemmican takes. */
  readonly blockBytes: number;
  /** Most bytes that remembered chunks take. */
  readonly memoBytes?: number;
  /** No second pass where the first took longer. */
  readonly secondPassLimitMs: number;
  /** Write the ids as the reference. */
  readonly isReference?: boolean;
}

export interface Measure {
  readonly wallMs: number;
  /** User and system time of all threads of the process. */
  readonly cpuMs: number;
}

/** One pass over the records. */
export interface Pass {
  readonly count?: Measure;
  readonly encode?: Measure;
}

export interface ChildReport {
  /** Why there are no numbers. */
  readonly refusal?: string;
  readonly version: string;
  readonly sizeBytes: number;
  readonly recordCount: number;
  readonly tokenCount: number;
  /** The first is cold, the second warm. */
  readonly passes: readonly Pass[];
  /** Records whose ids (when counting: whose lengths) are not the reference's; the most of any pass. */
  readonly differingRecordCount: number;
  /** Ids that occur more or less often than in the reference; only of programs that count. */
  readonly differingIdCount: number;
  readonly peakResidentBytes: number;
}
