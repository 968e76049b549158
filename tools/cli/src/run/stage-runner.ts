import type { Output } from '../output/output.ts';
import type { StageTiming } from '../report/report.ts';
import { digestOf } from '../workspace/fingerprint.ts';
import type { Journal } from '../workspace/journal.ts';

/** A stage of a run that is not repeated when it was done with the same inputs. */
export interface StageDefinition<Result> {
  readonly stage: string;
  /** Everything that the result depends on, the digest of the stage before included. */
  readonly inputs: unknown;
  /** Whether what an earlier command wrote is still there. */
  readonly isWhole: () => boolean;
  readonly work: () => Promise<Result>;
}

/** A stage's result, and the digest that the stages after it build on. */
export interface StageOutcome<Result> {
  readonly result: Result;
  readonly digest: string;
  readonly isReused: boolean;
}

/** Runs stages one after another and keeps the journal. */
export class StageRunner {
  readonly #journal: Journal;
  readonly #output: Output;
  readonly #timings: StageTiming[] = [];

  constructor(journal: Journal, output: Output) {
    this.#journal = journal;
    this.#output = output;
  }

  /** How long each stage took. */
  get timings(): readonly StageTiming[] {
    return this.#timings;
  }

  async run<Result>(definition: StageDefinition<Result>): Promise<StageOutcome<Result>> {
    const { stage } = definition;
    const digest = digestOf({ stage, inputs: definition.inputs });
    const earlier = this.#journal.find(stage, digest);
    if (earlier !== undefined && definition.isWhole()) {
      this.#output.note(`${stage}: done before the interruption`);
      this.#timings.push({ stage, elapsedMs: earlier.elapsedMs, isReused: true });
      // Results are the contract's messages as plain JSON: what was written is what was there.
      return { result: earlier.result as Result, digest, isReused: true };
    }
    const start = performance.now();
    const result = await definition.work();
    const elapsedMs = performance.now() - start;
    await this.#journal.record(stage, { digest, result, elapsedMs });
    this.#timings.push({ stage, elapsedMs, isReused: false });
    return { result, digest, isReused: false };
  }
}
