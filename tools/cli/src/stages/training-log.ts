import { DeviceMemorySource } from '@pemmican/contract/trainer';
import type { CheckpointWritten, DeviceMemorySample, Evaluation, StepMetrics } from '@pemmican/contract/trainer';

import type { RunEvent } from '../jobs/kinds.ts';
import { Series } from './series.ts';

/** Enough points for a plot of any width; the whole series is in metrics.jsonl. */
const MAX_POINTS = 4000;

/** A step as the report plots it. */
export interface StepPoint {
  readonly step: number;
  readonly epoch: number;
  readonly loss: number;
  readonly gradNorm: number;
  readonly learningRate: number;
  readonly elapsedMs: number;
  readonly tokenCount: number;
}

/** A sample of memory as the report plots it. */
export interface MemoryPoint {
  /** Milliseconds since training began. */
  readonly timeMs: number;
  readonly processBytes: number;
  /** Bytes in use on the GPU; left out on a CPU. */
  readonly deviceUsedBytes?: number;
}

/** A part of a run, as measured. */
export interface PhaseRecord {
  readonly phase: string;
  readonly startMs: number;
  peakBytes: number;
}

/** What a training run said, in a form that can be stored and continued. */
export interface TrainingLogData {
  readonly steps: readonly StepPoint[];
  readonly evaluations: readonly Evaluation[];
  readonly memory: readonly MemoryPoint[];
  readonly phases: readonly PhaseRecord[];
  readonly checkpoints: readonly CheckpointWritten[];
  readonly deviceName: string;
  readonly memorySource: 'NVML' | 'HOST' | '';
  readonly restartCount: number;
}

/** Collects the events of a run for the report. */
export class TrainingLog {
  readonly #steps = new Series<StepPoint>(MAX_POINTS);
  readonly #memory = new Series<MemoryPoint>(MAX_POINTS);
  readonly #evaluations = new Map<string, Evaluation>();
  readonly #phases: PhaseRecord[] = [];
  readonly #checkpoints = new Map<number, CheckpointWritten>();
  readonly #now: () => number;
  #startTime: number;
  #lastStep = 0;
  #deviceName = '';
  #memorySource: 'NVML' | 'HOST' | '' = '';
  #restartCount = 0;

  /** @param earlier - what an interrupted run had said already */
  constructor(earlier?: TrainingLogData, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#startTime = now();
    if (earlier === undefined) return;
    for (const point of earlier.steps) this.#addStep(point);
    for (const point of earlier.memory) this.#memory.add(point);
    for (const evaluation of earlier.evaluations) this.#addEvaluation(evaluation);
    for (const checkpoint of earlier.checkpoints) this.#checkpoints.set(checkpoint.step, checkpoint);
    this.#phases.push(...earlier.phases.map((phase) => ({ ...phase })));
    // Time goes on where it had stopped.
    this.#startTime -= earlier.memory.at(-1)?.timeMs ?? 0;
  }

  /** Takes note of an event. */
  add(event: RunEvent): void {
    switch (event.$case) {
      case 'step':
        this.#addStep(toStepPoint(event.value));
        break;
      case 'deviceMemory':
        this.#addMemory(event.value);
        break;
      case 'evaluation':
        this.#addEvaluation(event.value);
        break;
      case 'checkpoint':
        this.#checkpoints.set(event.value.step, event.value);
        break;
      case 'phase':
        this.#endPhase(event.value.previousPhasePeakBytes);
        this.#phases.push({ phase: event.value.phase, startMs: this.#now() - this.#startTime, peakBytes: 0 });
        break;
      case 'stateChange':
        this.#restartCount = Math.max(this.#restartCount, event.value.progress?.restartCount ?? 0);
        this.#endPhase(0);
        break;
      case 'log':
        break;
    }
  }

  /** What was said so far. */
  toData(): TrainingLogData {
    return {
      steps: this.#steps.toArray(),
      evaluations: [...this.#evaluations.values()],
      memory: this.#memory.toArray(),
      phases: this.#phases,
      checkpoints: [...this.#checkpoints.values()],
      deviceName: this.#deviceName,
      memorySource: this.#memorySource,
      restartCount: this.#restartCount,
    };
  }

  #addStep(point: StepPoint): void {
    // After a restart the steps since the last checkpoint come again.
    if (point.step <= this.#lastStep) {
      this.#steps.remove((earlier) => earlier.step >= point.step);
      for (const [key, evaluation] of this.#evaluations)
        if (evaluation.step >= point.step) this.#evaluations.delete(key);
      for (const step of this.#checkpoints.keys()) if (step >= point.step) this.#checkpoints.delete(step);
    }
    this.#lastStep = point.step;
    this.#steps.add(point);
  }

  #addEvaluation(evaluation: Evaluation): void {
    this.#evaluations.set(`${evaluation.split}:${evaluation.step}`, evaluation);
  }

  #addMemory(sample: DeviceMemorySample): void {
    const isGpu = sample.source === DeviceMemorySource.NVML;
    // A run's host sample gives the process's resident bytes; a GPU's gives the device's too.
    if (this.#memorySource === 'NVML' && !isGpu) return;
    this.#memorySource = isGpu ? 'NVML' : 'HOST';
    this.#deviceName = sample.deviceName;
    const phase = this.#phases.at(-1);
    if (phase !== undefined) phase.peakBytes = Math.max(phase.peakBytes, sample.processBytes);
    this.#memory.add({
      timeMs: this.#now() - this.#startTime,
      processBytes: sample.processBytes,
      ...(isGpu ? { deviceUsedBytes: sample.usedBytes } : {}),
    });
  }

  /** A phase's peak as the kernel counted it is more exact than the samples between. */
  #endPhase(peakBytes: number): void {
    const phase = this.#phases.at(-1);
    if (phase !== undefined) phase.peakBytes = Math.max(phase.peakBytes, peakBytes);
  }
}

function toStepPoint(metrics: StepMetrics): StepPoint {
  return {
    step: metrics.step,
    epoch: metrics.epoch,
    loss: metrics.loss,
    gradNorm: metrics.gradNorm,
    learningRate: metrics.learningRate,
    elapsedMs: metrics.elapsedMs,
    tokenCount: metrics.tokenCount,
  };
}
