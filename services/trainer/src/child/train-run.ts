import { TensorflowSession, releaseMemory } from '@pemmican/engine';
import type { RunResult } from '@pemmican/contract/trainer';
import { Split } from '@pemmican/contract/vocabulary';
import { localPath, parseLocation } from '@pemmican/storage';
import {
  checkOptions,
  loadWeights,
  planRun,
  train,
  type EncodedDataset,
  type TrainerState,
  type TrainingOptions,
  type TrainingProgram,
} from '@pemmican/training';
import { toTrainingOptions } from '../convert-options.ts';
import { modelToTrain } from '../model-to-train.ts';
import { PreconditionError } from '../precondition-error.ts';
import { adapterRowsWarning } from './adapter-rows.ts';
import { NO_GPU_WARNING, hasDevice, requireDevices } from '../devices.ts';
import type { EventSink } from './event-sink.ts';
import { maskingOf, outputRowOf, requireTrainable, restrictedSoftmaxWarning } from './language-modeling.ts';
import { paddingTokenId } from './model-token-ids.ts';
import { breathe } from './parent-channel.ts';
import { Phases } from './phases.ts';
import type { PreparedData } from './prepared-data.ts';
import { locateParameters, outputRows, prepareModel, type PreparedModel } from './prepared-model.ts';
import { withChatTemplate } from './prepared-sequences.ts';
import { checkpointToResume } from './resume-checkpoint.ts';
import type { RunContext, TrainRequest } from './run-context.ts';
import { fingerprintOf } from './run-fingerprint.ts';
import { RunFolder } from './run-folder.ts';
import { lockRunFolder } from './run-lock.ts';
import { fittingProgram } from './run-program.ts';
import { toRunResult } from './run-result.ts';
import { adapterOutput, wholeModelOutput, type TrainedOutput } from './trained-output.ts';
import { prepareTrainingData } from './training-data.ts';
import { TrainingReporter } from './training-reporter.ts';

/** Trains in this process, from the request to the trained model's folder. */
export async function trainRun(request: TrainRequest, sink: EventSink): Promise<RunResult> {
  const folder = new RunFolder(localPath(request.spec.outputUri));
  const options = toTrainingOptions(request.spec.options);
  checkOptions(options);
  requireDevices(options.numDevices, request);
  const model = parseLocation(request.spec.modelUri);
  await folder.prepare(model.kind === 'local' ? model.path : request.hub.cacheFolder);
  const unlock = await lockRunFolder(folder.path);
  try {
    return await trainInFolder({ request, sink, folder }, options);
  } finally {
    await unlock();
  }
}

/** @param asked the options as they were asked for: the batch size may be found */
async function trainInFolder(context: RunContext, asked: TrainingOptions): Promise<RunResult> {
  const { request, sink, folder } = context;
  const { spec, hub } = request;
  const { task } = asked;
  const startMs = performance.now();
  const reporter = new TrainingReporter(sink, folder);
  const phases = new Phases(sink);
  const own = await phases.run('load', () => prepareModel(spec.modelUri, hub, task));
  const loaded = withChatTemplate(own, spec.dataset);
  requireTrainable(loaded, asked);
  if (asked.restrictedSoftmax) await sink.log('warning', restrictedSoftmaxWarning(loaded));
  const data = await phases.run('tokenize', () => prepareTrainingData(loaded, context, asked));
  const { model, lora } = modelToTrain(loaded.model, loaded.checkpoint, asked, {
    labelCount: data.labelCount,
    vocabRows: loaded.vocabRows,
    outputRows: outputRows(loaded, task),
  });
  const rowsWarning = lora?.trainsEmbeddings === true ? adapterRowsWarning(model, task) : undefined;
  if (rowsWarning !== undefined) await sink.log('warning', rowsWarning);
  const prepared = { ...loaded, model };
  const { program, options, batchSizeSearch } = await phases.run('build-graph', () =>
    fittingProgram(prepared, data, context, asked),
  );
  const session = TensorflowSession.open(program.savedModel, { build: request.tensorflow });
  try {
    if (request.tensorflow === 'gpu' && !hasDevice('/device:GPU:0', 'gpu')) await sink.log('warning', NO_GPU_WARNING);
    const outputOf = (tensorNames: readonly string[]): Promise<TrainedOutput> =>
      lora === undefined
        ? wholeModelOutput(prepared, data, task, program, tensorNames)
        : adapterOutput({ prepared, data, task, base: loaded.model, lora }, program, spec, hub);
    const { state, chosenStep } = await phases.run('train', () =>
      trainProgram(context, { prepared, data, program, options, session, reporter, outputOf }),
    );
    await phases.run('export', () => folder.publish(chosenStep));
    return toRunResult({
      folder,
      program,
      options,
      batchSizeSearch,
      reporter,
      state,
      chosenStep,
      vocabRows: prepared.vocabRows,
      processPeakBytes: phases.peakBytes,
      elapsedMs: performance.now() - startMs,
    });
  } finally {
    session.dispose();
    await prepared.checkpoint.close();
  }
}

/** What is trained, ready to begin. */
interface ReadyRun {
  readonly prepared: PreparedModel;
  readonly data: PreparedData;
  readonly program: TrainingProgram;
  readonly options: TrainingOptions;
  readonly session: TensorflowSession;
  readonly reporter: TrainingReporter;
  /** @param tensorNames of the program's parameters */
  readonly outputOf: (tensorNames: readonly string[]) => Promise<TrainedOutput>;
}

/** Trains from the first weights, or from a checkpoint, to the last step. */
async function trainProgram(
  context: RunContext,
  { prepared, data, program, options, session, reporter, outputOf }: ReadyRun,
): Promise<{ state: TrainerState; chosenStep: number }> {
  const { request, sink, folder } = context;
  const { sources, tensorNames } = locateParameters(prepared, options.task, data.labelCount);
  await loadWeights(session, program.parameters, sources, prepared.checkpoint, options.seed);
  releaseMemory();
  const trainData = data.splits.get(Split.TRAIN);
  if (trainData === undefined) throw new PreconditionError('DATASET_MISSING', 'The run has no training split');
  await sink.emit(
    {
      $case: 'log',
      value: { severity: 'info', message: `${describeRecords(trainData)}, ${describeParameters(program)}` },
    },
    { totalSteps: planRun(options, trainData.recordCount).totalSteps },
  );
  // Before anything of an earlier run is removed: it reads the model that an adapter is for.
  const output = await outputOf(tensorNames);
  const resumeFrom = await checkpointToResume(context);
  await folder.forgetModel();
  if (resumeFrom === undefined) await folder.truncateMetrics(0);
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
    checkpoints: folder,
    ...output,
    fingerprint: await fingerprintOf(prepared, data, options),
    resumeFrom,
    signal: request.signal,
    now: () => performance.now(),
    breathe,
  });
  const seen = new Set<string>();
  for await (const event of events) {
    if (event.type === 'finished') return event;
    // The first of each kind leaves behind what the engine took to optimize the graph for it.
    if (!seen.has(event.type)) releaseMemory();
    seen.add(event.type);
    await reporter.tell(event);
  }
  throw new Error('The run ended without an end');
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
