import { RunResult } from '@pemmican/contract/trainer';
import type { Evaluation, RunSpec, StepMetrics } from '@pemmican/contract/trainer';

import type { RunEvent } from '../jobs/kinds.ts';
import { runJob } from '../jobs/kinds.ts';
import { describeEvaluation } from '../output/evaluation.ts';
import { formatBytes, formatCount, formatDuration, formatLearningRate, formatMetric } from '../output/units.ts';
import type { Progress } from '../progress/progress.ts';
import type { StageContext } from './stage.ts';
import { runStage } from './stage.ts';
import type { TrainingLog } from './training-log.ts';

/** How much a new step's time weighs in the estimate of the time left. */
const SMOOTHING = 0.1;

/** What {@link trainStage} is told to do on the way. */
export interface TrainStageOptions {
  readonly log: TrainingLog;
  readonly onStep?: (step: StepMetrics) => void;
  /** Called when a checkpoint is whole, so that what was said up to there can be stored. */
  readonly onCheckpoint?: () => void;
}

/** Trains; every event goes into the log. */
export async function trainStage(spec: RunSpec, options: TrainStageOptions, context: StageContext): Promise<RunResult> {
  const view = new TrainView();
  const run = await runStage(
    runJob(context.pool.trainer, spec),
    {
      title: 'Train',
      onEvent: (event, progress) => {
        options.log.add(event);
        if (event.$case === 'step') options.onStep?.(event.value);
        if (event.$case === 'checkpoint') options.onCheckpoint?.();
        view.show(event, progress);
      },
      summarize: ({ result }) => summarize(result ?? RunResult.create()),
    },
    context,
  );
  return run.result ?? RunResult.create();
}

/** Turns events into the bar's text. */
class TrainView {
  #stepMs: number | undefined;
  #processBytes = 0;
  #deviceBytes: number | undefined;
  #share = 0;
  #detail = '';

  show(event: RunEvent, progress: Progress): void {
    switch (event.$case) {
      case 'step':
        this.#step(event.value);
        break;
      case 'deviceMemory':
        if (event.value.processBytes > 0) this.#processBytes = event.value.processBytes;
        break;
      case 'evaluation':
        progress.note(`          ${describeEvaluationLine(event.value)}`);
        break;
      case 'log':
        progress.note(
          `          ${event.value.severity === 'info' ? '' : `${event.value.severity}: `}${event.value.message}`,
        );
        break;
      case 'phase':
        this.#detail = this.#share === 0 ? event.value.phase : this.#detail;
        break;
      case 'checkpoint':
      case 'stateChange':
        break;
    }
    progress.update(this.#share, this.#detail);
  }

  #step(step: StepMetrics): void {
    this.#stepMs =
      this.#stepMs === undefined ? step.elapsedMs : this.#stepMs + SMOOTHING * (step.elapsedMs - this.#stepMs);
    this.#deviceBytes = step.deviceUsedBytes;
    this.#share = step.totalSteps > 0 ? step.step / step.totalSteps : 0;
    const memory = [
      ...(this.#deviceBytes === undefined ? [] : [`${formatBytes(this.#deviceBytes)} GPU`]),
      formatBytes(step.processResidentBytes > 0 ? step.processResidentBytes : this.#processBytes),
    ].join(' + ');
    this.#detail = [
      `step ${formatCount(step.step)}/${formatCount(step.totalSteps)}`,
      `loss ${formatMetric(step.loss)}`,
      `lr ${formatLearningRate(step.learningRate)}`,
      memory,
      `${formatDuration((step.totalSteps - step.step) * this.#stepMs)} left`,
    ].join('  ');
  }
}

function describeEvaluationLine(evaluation: Evaluation): string {
  const when = evaluation.step === 0 ? 'before training' : `step ${formatCount(evaluation.step)}`;
  return `${when}: ${describeEvaluation(evaluation)}`;
}

function summarize(result: RunResult): string {
  const parts = [`${formatCount(result.stepCount)} steps`, `loss ${formatMetric(result.finalLoss)}`];
  if (result.processPeakBytes > 0) parts.push(`peak ${formatBytes(result.processPeakBytes)}`);
  return parts.join(', ');
}
