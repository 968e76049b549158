import type { BatchSizeSearch } from '@pemmican/contract/trainer';
import {
  buildTrainingProgram,
  type ProgramOptions,
  type TrainingOptions,
  type TrainingProgram,
} from '@pemmican/training';
import { fitBatch } from './batch-size-search.ts';
import { otherDeviceNames } from '../devices.ts';
import type { PreparedData } from './prepared-data.ts';
import { outputRows, type PreparedModel } from './prepared-model.ts';
import { findCheckpoint } from './resume-checkpoint.ts';
import type { RunContext } from './run-context.ts';

/** The graph that trains, with the options that it was built for. */
export interface FittingProgram {
  readonly program: TrainingProgram;
  /** As asked for but for the batch sizes, where they were to be found. */
  readonly options: TrainingOptions;
  readonly batchSizeSearch: BatchSizeSearch | undefined;
}

/** Builds the graph that trains, once the batch size is one that fits, where that is asked for. */
export async function fittingProgram(
  prepared: PreparedModel,
  data: PreparedData,
  context: RunContext,
  asked: TrainingOptions,
): Promise<FittingProgram> {
  const { spec, tensorflow } = context.request;
  const otherDevices = otherDeviceNames(asked.numDevices, tensorflow);
  const buildProgram = (isAccumulating: boolean): TrainingProgram =>
    buildRunProgram(prepared, data, asked, { isAccumulating, otherDevices });
  if (spec.options?.autoFindBatchSize !== true) {
    const program = buildProgram(asked.gradientAccumulationSteps > 1);
    return { program, options: asked, batchSizeSearch: undefined };
  }
  const { options, program, search, message } = await fitBatch({
    spec,
    options: asked,
    splits: data.splits,
    tensorflow,
    resumeFrom: await findCheckpoint(context),
    buildProgram,
  });
  await context.sink.log('info', message);
  return { program, options, batchSizeSearch: search };
}

function buildRunProgram(
  prepared: PreparedModel,
  data: PreparedData,
  options: TrainingOptions,
  step: Pick<ProgramOptions, 'isAccumulating' | 'otherDevices'>,
): TrainingProgram {
  return buildTrainingProgram(prepared.model, {
    task: options.task,
    labelCount: data.labelCount,
    vocabRows: prepared.vocabRows,
    outputRows: outputRows(prepared, options.task),
    paddingIndex: prepared.model.padTokenId,
    dropout: options.dropout,
    gradientCheckpointing: options.gradientCheckpointing,
    bf16: options.bf16,
    ...step,
    hasWeightDecay: options.weightDecay > 0,
    maxGradNorm: options.maxGradNorm,
    adamBeta1: options.adamBeta1,
    adamBeta2: options.adamBeta2,
    mlmProbability: options.mlmProbability,
  });
}
