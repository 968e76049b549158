import type { GraphSession, TensorValue } from '@pemmican/graph';
import type { FolderReader, FolderWriter } from '@pemmican/safetensors';
import { adamWScalars } from './adamw.ts';
import {
  checkFingerprint,
  loadCheckpoint,
  readTrainerState,
  writeCheckpoint,
  type CompanionFiles,
  type EvaluationEntry,
  type TrainerState,
  type WeightsFile,
} from './checkpoint.ts';
import { epochOrder, type EncodedDataset } from './encoded-dataset.ts';
import { TrainingError } from './error.ts';
import { evaluate } from './evaluation.ts';
import { isGreaterBetter } from './metrics.ts';
import type { TrainingOptions } from './options.ts';
import { clearMoments } from './parameter-transfer.ts';
import { microBatchesPerStep, planRun, stepPosition, type RunPlan, type StepPosition } from './run-plan.ts';
import { learningRateAt } from './schedule.ts';
import { makeTaskBatch, type BatchOptions, type TaskBatch } from './task-batch.ts';
import type { MaskingOptions } from './token-targets.ts';
import { FEED } from './program-feeds.ts';
import { runMicroBatches, scalar, type StepResult } from './run-micro-batches.ts';
import type { TrainingProgram } from './training-program.ts';

/** Where a run keeps its checkpoints. */
export interface CheckpointStore {
  /** Begins `checkpoint-STEP`, in place of one of the same name. */
  create(step: number): Promise<FolderWriter>;
  /** Steps of the whole checkpoints there are, ascending. */
  list(): Promise<number[]>;
  open(step: number): Promise<FolderReader>;
  remove(step: number): Promise<void>;
}

/** What happens in a run, in order. */
export type TrainingEvent =
  | { readonly type: 'resumed'; readonly step: number }
  | (StepResult & {
      readonly type: 'step';
      readonly step: number;
      readonly totalSteps: number;
      readonly epoch: number;
      readonly learningRate: number;
      readonly elapsedMs: number;
    })
  | { readonly type: 'evaluation'; readonly evaluation: EvaluationEntry }
  | { readonly type: 'checkpoint'; readonly step: number; readonly isBest: boolean; readonly elapsedMs: number }
  | { readonly type: 'finished'; readonly state: TrainerState; readonly chosenStep: number };

/** Everything that a run works on. */
export interface TrainingRun {
  readonly session: GraphSession;
  readonly program: TrainingProgram;
  readonly options: TrainingOptions;
  readonly labelCount: number;
  /** Of the classes of tokens, where they have names. */
  readonly labelNames?: readonly string[] | undefined;
  /** Id that fills batches up, in the space of the data sets. */
  readonly padId: number;
  /** Set for masked language modeling. */
  readonly masking?: MaskingOptions | undefined;
  /** Set for sequence-to-sequence tasks; see {@link BatchOptions}. */
  readonly decoderStartTokenId?: number | undefined;
  /** See {@link BatchOptions}. */
  readonly outputRowOf?: Uint32Array | undefined;
  readonly train: EncodedDataset;
  readonly validation: EncodedDataset | undefined;
  readonly checkpoints: CheckpointStore;
  readonly weightsFile: WeightsFile;
  readonly companions: CompanionFiles;
  /** Fields that a checkpoint must share for its continuation to be this run. */
  readonly fingerprint: TrainerState['fingerprint'];
  /** Checkpoint to go on from. */
  readonly resumeFrom: FolderReader | undefined;
  /** Stops the run after the step that is being made, with a checkpoint. */
  readonly signal: AbortSignal;
  /** Monotonic clock in milliseconds. */
  now(): number;
  /** Lets the process attend to its messages; awaited between steps. */
  breathe(): Promise<void>;
}

/**
 * Trains. The weights that the model folder gave MUST be in the session; moments need not be.
 * @throws TrainingError NON_FINITE_LOSS, CHECKPOINT_MISMATCH, INVALID_CHECKPOINT; the signal's reason after its checkpoint
 */
export async function* train(run: TrainingRun): AsyncGenerator<TrainingEvent, void, undefined> {
  yield* new Trainer(run).run();
}

class Trainer {
  readonly #run: TrainingRun;
  readonly #plan: RunPlan;
  #state: TrainerState;
  /** Weight decay of the embedding matrix: none where it is frozen. */
  readonly #rowDecay: number;
  #order: { readonly epochIndex: number; readonly records: Uint32Array } | undefined;
  #evaluatedStep = -1;
  #savedStep = -1;

  constructor(run: TrainingRun) {
    this.#run = run;
    if (run.train.recordCount === 0) throw new TrainingError('INVALID_DATA', 'There are no records to train on');
    this.#plan = planRun(run.options, run.train.recordCount);
    const isEmbeddingTrained = run.program.trainedParameters.some(({ spec }) => spec.isEmbeddingMatrix === true);
    this.#rowDecay = isEmbeddingTrained ? run.options.weightDecay : 0;
    this.#state = {
      formatVersion: 1,
      step: 0,
      totalSteps: this.#plan.totalSteps,
      epoch: 0,
      fingerprint: run.fingerprint,
      bestMetric: null,
      bestStep: null,
      unusedRowDecayFactor: 1,
      trainedTokenCount: 0,
      lastLoss: null,
      evaluations: [],
    };
  }

  async *run(): AsyncGenerator<TrainingEvent, void, undefined> {
    yield* this.#prepare();
    const { options } = this.#run;
    while (this.#state.step < this.#plan.totalSteps) {
      if (this.#run.signal.aborted) {
        if (this.#savedStep !== this.#state.step && this.#state.step > 0) yield* this.#save(false);
        throw this.#run.signal.reason;
      }
      yield this.#step();
      const step = this.#state.step;
      const isEpochEnd = step % this.#plan.stepsPerEpoch === 0;
      const isLast = step === this.#plan.totalSteps;
      const isDue = (interval: number): boolean => isLast || (interval > 0 ? step % interval === 0 : isEpochEnd);
      let isBest = false;
      if (this.#run.validation !== undefined && isDue(options.evalSteps)) isBest = yield* this.#evaluate();
      if (isDue(options.saveSteps) || (isBest && options.loadBestModelAtEnd)) yield* this.#save(isBest);
      await this.#run.breathe();
    }
    const chosenStep =
      options.loadBestModelAtEnd && this.#state.bestStep !== null ? this.#state.bestStep : this.#state.step;
    yield { type: 'finished', state: this.#state, chosenStep };
  }

  async *#prepare(): AsyncGenerator<TrainingEvent, void, undefined> {
    const { session, program, resumeFrom } = this.#run;
    // In one run: the engine optimizes the graph for each new set of fetches.
    if (program.accumulators.length > 0)
      session.run(
        {},
        program.accumulators.map(({ zeroFetch }) => zeroFetch),
      );
    if (resumeFrom === undefined) {
      clearMoments(session, program.trainedParameters);
      if (this.#run.validation !== undefined) yield* this.#evaluate(true);
      return;
    }
    const state = await readTrainerState(resumeFrom);
    checkFingerprint(resumeFrom.name, this.#run.fingerprint, state.fingerprint);
    await loadCheckpoint(resumeFrom, session, program.trainedParameters, this.#run.weightsFile);
    this.#state = { ...state, totalSteps: this.#plan.totalSteps };
    this.#savedStep = state.step;
    this.#evaluatedStep = state.step;
    yield { type: 'resumed', step: state.step };
  }

  /** One optimizer step. */
  #step(): TrainingEvent {
    const { options } = this.#run;
    const stepIndex = this.#state.step;
    const startMs = this.#run.now();
    const position = stepPosition(this.#plan, microBatchesPerStep(options), stepIndex);
    const learningRate = learningRateAt(this.#plan.schedule, stepIndex);
    const scalars = adamWScalars(
      {
        learningRate,
        weightDecay: options.weightDecay,
        beta1: options.adamBeta1,
        beta2: options.adamBeta2,
        epsilon: options.adamEpsilon,
      },
      stepIndex + 1,
    );
    const optimizer: Record<string, TensorValue> = {
      [FEED.correctedLearningRate]: scalar(scalars.correctedLearningRate),
      [FEED.correctedEpsilon]: scalar(scalars.correctedEpsilon),
      ...(options.weightDecay > 0 ? { [FEED.decayFactor]: scalar(scalars.decayFactor) } : {}),
    };
    let result: StepResult;
    try {
      result = runMicroBatches(this.#run.session, this.#run.program, {
        batches: this.#batches(position),
        optimizer,
        dropoutSeedOf: (microBatch) => dropoutSeed(options.seed, stepIndex, microBatch),
      });
    } catch (cause) {
      if (isNonFinite(cause)) throw this.#nonFinite(stepIndex + 1, cause);
      throw cause;
    }
    if (!Number.isFinite(result.loss) || !Number.isFinite(result.gradNorm)) throw this.#nonFinite(stepIndex + 1);
    this.#state = {
      ...this.#state,
      step: stepIndex + 1,
      epoch: position.epochAfter,
      unusedRowDecayFactor: this.#state.unusedRowDecayFactor * (1 - learningRate * this.#rowDecay),
      trainedTokenCount: this.#state.trainedTokenCount + result.tokenCount,
      lastLoss: result.loss,
    };
    return {
      type: 'step',
      step: stepIndex + 1,
      totalSteps: this.#plan.totalSteps,
      epoch: position.epochAfter,
      learningRate,
      elapsedMs: this.#run.now() - startMs,
      ...result,
    };
  }

  /** A step's batches, made anew from its place in the run. */
  #batches(position: StepPosition): TaskBatch[] {
    return Array.from({ length: position.batchCount }, (_, microBatch) =>
      makeTaskBatch(
        this.#run.train,
        this.#records(position, position.firstBatch + microBatch),
        this.#batchOptions,
        `epoch:${position.epochIndex}`,
      ),
    );
  }

  get #batchOptions(): BatchOptions {
    const { options, padId, masking, decoderStartTokenId, outputRowOf } = this.#run;
    return { task: options.task, seed: options.seed, padId, masking, decoderStartTokenId, outputRowOf };
  }

  #records(position: StepPosition, batchIndex: number): Uint32Array {
    const { options, train: dataset } = this.#run;
    if (this.#order?.epochIndex !== position.epochIndex) {
      this.#order = {
        epochIndex: position.epochIndex,
        records: epochOrder(dataset.recordCount, options, position.epochIndex),
      };
    }
    const size = options.perDeviceTrainBatchSize;
    return this.#order.records.subarray(batchIndex * size, (batchIndex + 1) * size);
  }

  /** Evaluates and says whether the result is the best so far. */
  async *#evaluate(isInitial = false): AsyncGenerator<TrainingEvent, boolean, undefined> {
    const { validation, session, options, labelCount, labelNames } = this.#run;
    if (validation === undefined || this.#evaluatedStep === this.#state.step) return false;
    const startMs = this.#run.now();
    const result = await evaluate(
      session,
      validation,
      labelCount,
      { ...this.#batchOptions, batchSize: options.perDeviceEvalBatchSize, labelNames, answerChoice: options },
      () => this.#run.breathe(),
    );
    this.#evaluatedStep = this.#state.step;
    const evaluation = {
      step: this.#state.step,
      epoch: this.#state.epoch,
      result,
      elapsedMs: this.#run.now() - startMs,
    };
    this.#state = { ...this.#state, evaluations: [...this.#state.evaluations, evaluation] };
    yield { type: 'evaluation', evaluation };
    const metric = result.metrics[options.metricForBestModel];
    if (isInitial || metric === undefined || Number.isNaN(metric)) return false;
    const best = this.#state.bestMetric;
    const isBest = best === null || (isGreaterBetter(options.metricForBestModel) ? metric > best : metric < best);
    if (isBest) this.#state = { ...this.#state, bestMetric: metric, bestStep: this.#state.step };
    return isBest;
  }

  async *#save(isBest: boolean): AsyncGenerator<TrainingEvent, void, undefined> {
    const { session, program, checkpoints, weightsFile, companions } = this.#run;
    const startMs = this.#run.now();
    const step = this.#state.step;
    await writeCheckpoint(
      await checkpoints.create(step),
      session,
      program.trainedParameters,
      weightsFile,
      companions,
      this.#state,
    );
    this.#savedStep = step;
    await this.#removeOldCheckpoints();
    yield { type: 'checkpoint', step, isBest, elapsedMs: this.#run.now() - startMs };
  }

  /** Keeps the newest ones and the best one, which is not counted out by newer ones. */
  async #removeOldCheckpoints(): Promise<void> {
    const { checkpoints, options } = this.#run;
    const steps = await checkpoints.list();
    const surplus = steps.slice(0, Math.max(0, steps.length - options.saveTotalLimit));
    for (const step of surplus) {
      if (!(options.loadBestModelAtEnd && step === this.#state.bestStep)) await checkpoints.remove(step);
    }
  }

  #nonFinite(step: number, cause?: unknown): TrainingError {
    const saved =
      this.#savedStep > 0 ? `the checkpoint of step ${this.#savedStep} is kept` : 'there is no checkpoint yet';
    return new TrainingError(
      'NON_FINITE_LOSS',
      `Loss or gradient norm is not finite at step ${step}; no weight was changed by it, ${saved}. Try a lower learning rate than ${this.#run.options.learningRate}`,
      { cause },
    );
  }
}

/** Seed of a micro-batch's dropout: a pure function of the run's seed and the place in the run. */
function dropoutSeed(seed: number, stepIndex: number, microBatch: number): Int32Array {
  return Int32Array.of((seed ^ Math.floor(seed / 2 ** 32)) | 0, (stepIndex * 65_537 + microBatch * 257 * 65_539) | 0);
}

/** Whether the engine's own check stopped the step. */
function isNonFinite(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'NON_FINITE';
}
