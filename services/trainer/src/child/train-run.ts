import { TensorflowSession } from '@pemmican/engine';
import { Split } from '@pemmican/contract/vocabulary';
import type { BatchSizeSearch, Evaluation, MemoryBreakdown, RunResult, RunSpec } from '@pemmican/contract/trainer';
import { checkpointFingerprint } from '@pemmican/embedding';
import { isLanguageModeling } from '@pemmican/models';
import { localPath, openFolder, parseLocation, type HubOptions } from '@pemmican/storage';
import {
  ENTITY_METRICS,
  buildTrainingProgram,
  checkOptions,
  digestDataset,
  loadWeights,
  planRun,
  train,
  type EncodedDataset,
  type EvaluationEntry,
  type TrainerState,
  type TrainingEvent,
  type TrainingOptions,
  type TrainingProgram,
} from '@pemmican/training';
import type { FolderReader } from '@pemmican/safetensors';
import { recordSpan } from '@pemmican/telemetry';
import { toTrainingOptions } from '../convert-options.ts';
import { frozenPatterns, modelToTrain } from '../model-to-train.ts';
import { PreconditionError } from '../precondition-error.ts';
import { adaptedModuleCount, adapterOutput, wholeModelOutput, type TrainedOutput } from './trained-output.ts';
import { fitBatch } from './batch-size-search.ts';
import type { EventSink } from './event-sink.ts';
import { breathe } from './parent-channel.ts';
import { Phases, residentBytes } from './phases.ts';
import { maskingOf, outputRowOf, requireTrainable, restrictedSoftmaxWarning } from './language-modeling.ts';
import { prepareData, type PreparedData } from './prepared-data.ts';
import { locateParameters, outputRows, prepareModel, type PreparedModel } from './prepared-model.ts';
import { withChatTemplate } from './prepared-sequences.ts';
import { RunFolder } from './run-folder.ts';
import { lockRunFolder } from './run-lock.ts';

const STEPS_PER_SPAN = 100;

/** What a run is started with. */
export interface TrainRequest {
  /** Resource name, which marks the checkpoints in a folder as this run's. */
  readonly runName: string;
  readonly spec: RunSpec;
  /** Above 0 the run had a process before: it goes on from its newest checkpoint, if it had come to one. */
  readonly restartCount: number;
  readonly signal: AbortSignal;
  readonly tensorflow: 'cpu' | 'gpu';
  readonly hub: HubOptions;
}

/** Trains in this process, from the request to the trained model's folder. */
export async function trainRun(request: TrainRequest, sink: EventSink): Promise<RunResult> {
  const folder = new RunFolder(localPath(request.spec.outputUri));
  const options = toTrainingOptions(request.spec.options);
  checkOptions(options);
  const model = parseLocation(request.spec.modelUri);
  await folder.prepare(model.kind === 'local' ? model.path : request.hub.cacheFolder);
  const unlock = await lockRunFolder(folder.path);
  try {
    return await new TrainJob(request, sink, folder, options).run();
  } finally {
    await unlock();
  }
}

class TrainJob {
  readonly #request: TrainRequest;
  readonly #sink: EventSink;
  readonly #folder: RunFolder;
  /** As asked for, until the batch size is found where that is asked for too. */
  #options: TrainingOptions;
  #batchSizeSearch: BatchSizeSearch | undefined;
  readonly #phases: Phases;
  #longestBatchTokens = 0;
  #longestTargetTokens = 0;
  #batchStart = new Date();
  #batchFirstStep = 1;

  constructor(request: TrainRequest, sink: EventSink, folder: RunFolder, options: TrainingOptions) {
    this.#request = request;
    this.#sink = sink;
    this.#folder = folder;
    this.#options = options;
    this.#phases = new Phases(sink);
  }

  async run(): Promise<RunResult> {
    const { spec } = this.#request;
    const startMs = performance.now();
    const own = await this.#phases.run('load', () =>
      prepareModel(spec.modelUri, this.#request.hub, this.#options.task),
    );
    const loaded = withChatTemplate(own, spec.dataset);
    requireTrainable(loaded, this.#options);
    if (this.#options.restrictedSoftmax) await this.#sink.log('warning', restrictedSoftmaxWarning(loaded));
    const data = await this.#phases.run('tokenize', () => this.#prepareData(loaded));
    const { labelCount } = data;
    const { model, lora } = modelToTrain(loaded.model, loaded.checkpoint, this.#options, {
      labelCount,
      vocabRows: loaded.vocabRows,
      outputRows: outputRows(loaded, this.#options.task),
    });
    const prepared = { ...loaded, model };
    const program = await this.#phases.run('build-graph', () => this.#fittingProgram(prepared, data));
    const session = TensorflowSession.open(program.savedModel, { build: this.#request.tensorflow });
    try {
      const { state, chosenStep } = await this.#phases.run('train', () =>
        this.#train(prepared, data, program, session, (tensorNames) =>
          lora === undefined
            ? wholeModelOutput(prepared, data, this.#options.task, program, tensorNames)
            : adapterOutput(
                { prepared, data, task: this.#options.task, base: loaded.model, lora },
                program,
                spec,
                this.#request.hub,
              ),
        ),
      );
      await this.#phases.run('export', () => this.#folder.publish(chosenStep));
      return this.#result({ prepared, program, data, state, chosenStep, elapsedMs: performance.now() - startMs });
    } finally {
      session.dispose();
      await prepared.checkpoint.close();
    }
  }

  async #prepareData(prepared: PreparedModel): Promise<PreparedData> {
    const { dataset, options } = this.#request.spec;
    if (dataset === undefined) throw new PreconditionError('DATASET_MISSING', 'The run has no data set');
    const data = await prepareData(prepared, {
      dataset,
      task: this.#options.task,
      labelCount: options?.numLabels ?? 0,
      labelNames: options?.labelNames ?? [],
      labelsAllTokens: options?.labelAllTokens ?? false,
      unkeptTokensToUnk: options?.unkeptTokensToUnk ?? false,
      needsLabels: !isLanguageModeling(this.#options.task),
      breathe: () => {
        this.#request.signal.throwIfAborted();
        return breathe();
      },
    });
    requireMetric(data, this.#options);
    if (data.skippedRecordCount > 0)
      await this.#sink.log(
        'warning',
        `${data.skippedRecordCount} records without text or label, or with wrong answers, were left out`,
      );
    for (const note of data.notes ?? []) await this.#sink.log('info', note);
    if (data.mappedToUnkCount > 0)
      await this.#sink.log(
        'warning',
        `${data.mappedToUnkCount} token ids that have no row were mapped to the unknown token`,
      );
    return data;
  }

  /** The graph that trains, once the batch size is one that fits, where that is asked for. */
  async #fittingProgram(prepared: PreparedModel, data: PreparedData): Promise<TrainingProgram> {
    const { spec, tensorflow } = this.#request;
    const buildProgram = (isAccumulating: boolean): TrainingProgram =>
      this.#buildProgram(prepared, data, isAccumulating);
    if (spec.options?.autoFindBatchSize !== true) return buildProgram(this.#options.gradientAccumulationSteps > 1);
    const { options, program, search, message } = await fitBatch({
      spec,
      options: this.#options,
      splits: data.splits,
      tensorflow,
      resumeFrom: await this.#findCheckpoint(),
      buildProgram,
    });
    this.#options = options;
    this.#batchSizeSearch = search;
    await this.#sink.log('info', message);
    return program;
  }

  #buildProgram(prepared: PreparedModel, data: PreparedData, isAccumulating: boolean): TrainingProgram {
    const options = this.#options;
    return buildTrainingProgram(prepared.model, {
      task: options.task,
      labelCount: data.labelCount,
      vocabRows: prepared.vocabRows,
      outputRows: outputRows(prepared, options.task),
      paddingIndex: prepared.model.padTokenId,
      dropout: options.dropout,
      gradientCheckpointing: options.gradientCheckpointing,
      bf16: options.bf16,
      isAccumulating,
      hasWeightDecay: options.weightDecay > 0,
      maxGradNorm: options.maxGradNorm,
      adamBeta1: options.adamBeta1,
      adamBeta2: options.adamBeta2,
      mlmProbability: options.mlmProbability,
    });
  }

  async #train(
    prepared: PreparedModel,
    data: PreparedData,
    program: TrainingProgram,
    session: TensorflowSession,
    outputOf: (tensorNames: readonly string[]) => TrainedOutput | Promise<TrainedOutput>,
  ): Promise<{ state: TrainerState; chosenStep: number }> {
    const options = this.#options;
    const { sources, tensorNames } = locateParameters(prepared, options.task, data.labelCount);
    await loadWeights(session, program.parameters, sources, prepared.checkpoint, options.seed);
    const trainData = data.splits.get(Split.TRAIN);
    if (trainData === undefined) throw new PreconditionError('DATASET_MISSING', 'The run has no training split');
    await this.#sink.emit(
      {
        $case: 'log',
        value: {
          severity: 'info',
          message: `${describeRecords(trainData)}, ${describeParameters(program)}`,
        },
      },
      { totalSteps: planRun(options, trainData.recordCount).totalSteps },
    );
    const resumeFrom = await this.#checkpointToResume();
    await this.#folder.forgetModel();
    if (resumeFrom === undefined) await this.#folder.truncateMetrics(0);
    const events = train({
      session,
      program,
      options,
      labelCount: data.labelCount,
      labelNames: data.labelNames,
      padId: paddingTokenId(prepared),
      decoderStartTokenId: prepared.model.decoderStartTokenId,
      masking: options.task === 'masked-lm' ? maskingOf(prepared, options) : undefined,
      outputRowOf: outputRowOf(prepared, options.task),
      train: trainData,
      validation: data.splits.get(Split.VALIDATION),
      checkpoints: this.#folder,
      ...(await outputOf(tensorNames)),
      fingerprint: await fingerprintOf(prepared, data, options),
      resumeFrom,
      signal: this.#request.signal,
      now: () => performance.now(),
      breathe,
    });
    for await (const event of events) {
      if (event.type === 'finished') return event;
      await this.#tell(event);
    }
    throw new Error('The run ended without an end');
  }

  /** The checkpoint that the run goes on from; undefined where it starts from the beginning. */
  async #findCheckpoint(): Promise<FolderReader | undefined> {
    const { runName, restartCount, spec } = this.#request;
    const wanted = spec.resumeFromCheckpoint;
    const latest = (await this.#folder.list()).at(-1);
    // A process that ended before it came to this point leaves an older run's checkpoints, which are not this run's.
    const isOwn = restartCount > 0 && (await this.#folder.isOwnedBy(runName));
    if (latest !== undefined && (isOwn || wanted === 'latest')) return this.#folder.open(latest);
    return wanted === '' || wanted === 'latest' ? undefined : openFolder(wanted);
  }

  /** {@link #findCheckpoint}, after which the folder's checkpoints are this run's and no others are there. */
  async #checkpointToResume(): Promise<FolderReader | undefined> {
    const { runName, spec } = this.#request;
    const found = await this.#findCheckpoint();
    // A new run in an old folder: checkpoints of the old one must not be resumed by mistake.
    if (found === undefined && spec.resumeFromCheckpoint === '')
      for (const step of await this.#folder.list()) await this.#folder.remove(step);
    await this.#folder.own(runName);
    if (found === undefined && spec.resumeFromCheckpoint === 'latest')
      await this.#sink.log('info', `${this.#folder.path} has no checkpoint yet; the run starts from the beginning`);
    return found;
  }

  async #tell(event: Exclude<TrainingEvent, { type: 'finished' }>): Promise<void> {
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

  #result(done: {
    prepared: PreparedModel;
    program: TrainingProgram;
    data: PreparedData;
    state: TrainerState;
    chosenStep: number;
    elapsedMs: number;
  }): RunResult {
    const { program, state, chosenStep } = done;
    const longest = [this.#longestBatchTokens, this.#longestTargetTokens].map((length) => Math.max(1, length));
    const plan = program.planStep(this.#options.perDeviceTrainBatchSize, longest[0] ?? 1, longest[1]);
    const plannedMemory: MemoryBreakdown = { ...plan, embeddingBytes: program.embeddingTrainingBytes };
    return {
      trainedModelUri: this.#folder.path,
      checkpointUri: this.#folder.checkpointPath(chosenStep),
      checkpointStep: chosenStep,
      finalLoss: state.lastLoss ?? NaN,
      evaluation: evaluationOf(state, chosenStep),
      initialEvaluation: evaluationOf(state, 0),
      processPeakBytes: this.#phases.peakBytes,
      plannedMemory,
      vocabRows: done.prepared.vocabRows,
      unusedRowDecayFactor: state.unusedRowDecayFactor,
      parameterCount: program.parameterCount,
      trainedParameterCount: program.trainedParameterCount,
      adaptedModuleCount: adaptedModuleCount(program),
      stepCount: state.step,
      tokenCount: state.trainedTokenCount,
      elapsedMs: done.elapsedMs,
      longestBatchTokens: this.#longestBatchTokens,
      perDeviceTrainBatchSize: this.#options.perDeviceTrainBatchSize,
      gradientAccumulationSteps: this.#options.gradientAccumulationSteps,
      batchSizeSearch: this.#batchSizeSearch,
      restrictedSoftmax: this.#options.restrictedSoftmax,
    };
  }
}

function describeRecords({ recordCount, questions }: EncodedDataset): string {
  return questions === undefined
    ? `${recordCount} training records`
    : `${questions.contexts.length} training questions in ${recordCount} windows`;
}

function describeParameters({ parameterCount, trainedParameterCount }: TrainingProgram): string {
  return trainedParameterCount === parameterCount
    ? `${parameterCount} parameters`
    : `${trainedParameterCount} of ${parameterCount} parameters trained, the others frozen`;
}

/** Id that fills up batches: the tokenizer's padding token where it has a row, else row 0 (it is masked either way). */
export function paddingTokenId({ tokenizer, reduction, vocabRows }: PreparedModel): number {
  const full = tokenizer.padTokenId ?? 0;
  if (reduction === undefined) return full < vocabRows ? full : 0;
  return Math.max(0, reduction.map.toReducedId(full));
}

/** @throws PreconditionError TAGS_WITHOUT_NAMES */
function requireMetric({ labelNames }: PreparedData, { task, metricForBestModel }: TrainingOptions): void {
  const isOfEntities = (ENTITY_METRICS as readonly string[]).includes(metricForBestModel);
  if (task !== 'token-classification' || labelNames !== undefined || !isOfEntities) return;
  throw new PreconditionError(
    'TAGS_WITHOUT_NAMES',
    `metric_for_best_model is ${metricForBestModel}, which counts entities, and the tags are numbers without names that say what an entity is; name them, or choose accuracy or loss`,
  );
}

/** Everything that a step's outcome depends on, except the weights that a checkpoint brings itself. */
async function fingerprintOf(
  prepared: PreparedModel,
  data: PreparedData,
  options: TrainingOptions,
): Promise<TrainerState['fingerprint']> {
  const {
    evalSteps: _evalSteps,
    saveSteps: _saveSteps,
    saveTotalLimit: _limit,
    loadBestModelAtEnd: _best,
    metricForBestModel: _metric,
    perDeviceEvalBatchSize: _evalBatch,
    nBestSize: _nBestSize,
    maxAnswerLength: _maxAnswerLength,
    nullScoreDiffThreshold: _nullScoreDiffThreshold,
    dropout,
    freezeEmbeddings: _freezeEmbeddings,
    freeze: _freeze,
    restrictedSoftmax,
    lora,
    ...deciding
  } = options;
  const frozen = frozenPatterns(prepared.model, options);
  const trainData = data.splits.get(Split.TRAIN);
  return {
    ...deciding,
    dropout: dropout ?? 'config',
    ...(restrictedSoftmax ? { restrictedSoftmax } : {}),
    ...(frozen.length === 0 ? {} : { frozen: frozen.join(' ') }),
    // An adapter's checkpoint does not bring the weights that it was trained beside.
    ...(lora === undefined
      ? {}
      : { lora: JSON.stringify(lora), baseFingerprint: await checkpointFingerprint(prepared.checkpoint) }),
    vocabRows: prepared.vocabRows,
    labelCount: data.labelCount,
    keptTokenIdsDigest: prepared.reduction?.manifest.keptTokenIdsDigest ?? 'none',
    trainDataDigest: trainData === undefined ? 'none' : await digestDataset(trainData),
  };
}

function toEvaluation({ step, epoch, result, elapsedMs }: EvaluationEntry): Evaluation {
  const {
    loss,
    accuracy,
    f1,
    matthews_correlation: matthewsCorrelation,
    pearson,
    spearman,
    perplexity,
    precision,
    recall,
    exact_match: exactMatch,
  } = result.metrics;
  return {
    step,
    epoch,
    recordCount: result.recordCount,
    loss,
    accuracy,
    f1,
    matthewsCorrelation,
    pearson,
    spearman,
    perplexity,
    precision,
    recall,
    exactMatch,
    elapsedMs,
    split: Split.VALIDATION,
  };
}

function evaluationOf(state: TrainerState, step: number): Evaluation | undefined {
  const entry = state.evaluations.find((candidate) => candidate.step === step);
  return entry === undefined ? undefined : toEvaluation(entry);
}
