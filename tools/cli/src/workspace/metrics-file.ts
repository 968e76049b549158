import { appendFileSync, copyFileSync, existsSync, renameSync } from 'node:fs';
import path from 'node:path';

import type { StepMetrics } from '@pemmican/contract/trainer';

/** Name of the trainer's file, and of the output's. */
export const METRICS_NAME = 'metrics.jsonl';

/**
 * `OUTPUT/metrics.jsonl` while a run goes: the trainer writes its own into the work in progress, and each step is told here
 * as it comes, so that the file can be watched. At the end the trainer's, which has every step once, takes its place.
 */
export class MetricsFile {
  readonly #file: string;
  readonly #source: string;

  constructor(output: string, trainingFolder: string) {
    this.#file = path.join(output, METRICS_NAME);
    this.#source = path.join(trainingFolder, METRICS_NAME);
  }

  /** Begins with what the trainer has written before an interruption. */
  begin(): void {
    this.#replace();
  }

  add(step: StepMetrics): void {
    const line = {
      step: step.step,
      epoch: step.epoch,
      loss: step.loss,
      gradNorm: step.gradNorm,
      learningRate: step.learningRate,
      tokens: step.tokenCount,
      stepMs: step.elapsedMs,
      processResidentBytes: step.processResidentBytes,
      ...(step.deviceUsedBytes === undefined ? {} : { deviceUsedBytes: step.deviceUsedBytes }),
    };
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  /** Ends with the trainer's file. */
  finish(): void {
    this.#replace();
  }

  #replace(): void {
    const temporary = path.join(path.dirname(this.#file), `.${METRICS_NAME}.partial`);
    if (!existsSync(this.#source)) return;
    copyFileSync(this.#source, temporary);
    renameSync(temporary, this.#file);
  }
}
