import type { BlockResult } from './block-results.ts';
import type { Corpus } from './corpus.ts';
import type { ChildPlan, Measure } from './plan.ts';

/** What one pass over the corpus gave. */
export interface OursPass {
  readonly measure: Measure;
  /** Occurrences by token id, when counting. */
  readonly counts: Float64Array | undefined;
  readonly blocks: readonly BlockResult[];
}

/**
 * pemmican with its tokenizer loaded, ready to go over the corpus as often as asked: what it remembers stays from pass to
 * pass. The clock runs from the first byte to the last result in the calling thread.
 */
export interface OursRunner {
  pass(): Promise<OursPass>;
  close(): Promise<void>;
}

export type CreateOursRunner = (plan: ChildPlan, corpus: Corpus) => Promise<OursRunner>;
