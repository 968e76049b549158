import { recordSpan } from '@pemmican/telemetry';
import type { TrainingEvent } from '@pemmican/training';
import { toEvaluation } from '../convert-evaluation.ts';
import type { EventSink } from './event-sink.ts';
import { residentBytes } from './phases.ts';
import type { RunFolder } from './run-folder.ts';

const STEPS_PER_SPAN = 100;

/** Tells what happens in training: to the service, to the folder's `metrics.jsonl` and to the trace. */
export class TrainingReporter {
  readonly #sink: EventSink;
  readonly #folder: RunFolder;
  #longestBatchTokens = 0;
  #longestTargetTokens = 0;
  #batchStart = new Date();
  #batchFirstStep = 1;

  constructor(sink: EventSink, folder: RunFolder) {
    this.#sink = sink;
    this.#folder = folder;
  }

  /** Tokens that the longest batch so far was padded to. */
  get longestBatchTokens(): number {
    return this.#longestBatchTokens;
  }

  /** The same of targets; 0 where there are none. */
  get longestTargetTokens(): number {
    return this.#longestTargetTokens;
  }

  async tell(event: Exclude<TrainingEvent, { type: 'finished' }>): Promise<void> {
    switch (event.type) {
      case 'resumed':
        await this.#folder.truncateMetrics(event.step);
        this.#batchFirstStep = event.step + 1;
        await this.#sink.emit(
          { $case: 'log', value: { severity: 'info', message: `Going on from the checkpoint of step ${event.step}` } },
          { step: event.step, checkpointStep: event.step },
        );
        return;
      case 'step':
        await this.#tellStep(event);
        return;
      case 'evaluation': {
        await this.#sink.emit({ $case: 'evaluation', value: toEvaluation(event.evaluation) });
        return;
      }
      case 'checkpoint': {
        const { step, isBest, elapsedMs } = event;
        recordSpan('checkpoint', { 'pemmican.step': step }, new Date(Date.now() - elapsedMs));
        const sizeBytes = await this.#folder.checkpointSizeBytes(step);
        await this.#sink.emit(
          {
            $case: 'checkpoint',
            value: { step, uri: this.#folder.checkpointPath(step), sizeBytes, elapsedMs, isBest },
          },
          { checkpointStep: step },
        );
        return;
      }
    }
  }

  async #tellStep(event: Extract<TrainingEvent, { type: 'step' }>): Promise<void> {
    const processResidentBytes = residentBytes();
    this.#longestBatchTokens = Math.max(this.#longestBatchTokens, event.longestRowTokens);
    this.#longestTargetTokens = Math.max(this.#longestTargetTokens, event.longestTargetTokens);
    const { step, epoch, loss, gradNorm, learningRate, tokenCount, elapsedMs, totalSteps } = event;
    this.#traceSteps(step, step === totalSteps);
    await this.#folder.appendMetrics({
      step,
      epoch,
      loss,
      gradNorm,
      learningRate,
      tokens: tokenCount,
      stepMs: elapsedMs,
      processResidentBytes,
    });
    await this.#sink.emit(
      {
        $case: 'step',
        value: { step, totalSteps, epoch, loss, gradNorm, learningRate, tokenCount, elapsedMs, processResidentBytes },
      },
      { step, totalSteps, epoch },
    );
  }

  /** A span a hundred steps: one a step would cost more than it tells. */
  #traceSteps(step: number, isLast: boolean): void {
    if (step - this.#batchFirstStep + 1 < STEPS_PER_SPAN && !isLast) return;
    recordSpan(
      'step batch',
      { 'pemmican.first_step': this.#batchFirstStep, 'pemmican.last_step': step },
      this.#batchStart,
    );
    this.#batchStart = new Date();
    this.#batchFirstStep = step + 1;
  }
}
