import type { BatchSizeSearch, RunSpec } from '@pemmican/contract/trainer';
import { Split } from '@pemmican/contract/vocabulary';
import { DeviceMemorySampler } from '@pemmican/device-memory';
import { EngineError } from '@pemmican/engine';
import type { FolderReader } from '@pemmican/safetensors';
import {
  batchSplits,
  findBatchSplit,
  microBatchesPerStep,
  readTrainerState,
  type BatchSplit,
  type BatchSplitSearch,
  type EncodedDataset,
  type TrainingOptions,
  type TrainingProgram,
} from '@pemmican/training';
import { describeLimit, memoryLimitOf, type MemoryLimit } from '../memory-limit.ts';

// The engine keeps up to a tenth more alive in an evaluation than is planned; see `planEvaluation`.
const EVALUATION_EXCESS = 1.1;

/** What a search is made of. */
export interface SearchRequest {
  readonly spec: RunSpec;
  /** As they were asked for. */
  readonly options: TrainingOptions;
  readonly splits: ReadonlyMap<Split, EncodedDataset>;
  readonly tensorflow: 'cpu' | 'gpu';
  /** Checkpoint that the run goes on from. */
  readonly resumeFrom: FolderReader | undefined;
  buildProgram(isAccumulating: boolean): TrainingProgram;
}

/** What a search came to. */
export interface FittedBatch {
  /** The options with the sizes that fit. */
  readonly options: TrainingOptions;
  readonly program: TrainingProgram;
  readonly search: BatchSizeSearch;
  readonly message: string;
}

/**
 * Finds batch sizes whose planned peaks fit what memory the run has, for the longest records that there are. A run that goes
 * on keeps the sizes that it began with.
 * @throws EngineError OUT_OF_MEMORY where not even one record fits
 */
export async function fitBatch(request: SearchRequest): Promise<FittedBatch> {
  const { options: asked, splits } = request;
  const limit = memoryLimitOf(request.spec, () => freeBytes(request.tensorflow));
  const programs = new Map<boolean, TrainingProgram>();
  const programOf = ({ gradientAccumulationSteps }: BatchSplit): TrainingProgram => {
    const isAccumulating = gradientAccumulationSteps > 1;
    const program = programs.get(isAccumulating) ?? request.buildProgram(isAccumulating);
    programs.set(isAccumulating, program);
    return program;
  };
  const lengths = longestLengths(splits.get(Split.TRAIN));
  const planPeakBytes = (split: BatchSplit): number =>
    programOf(split).planStep(split.perDeviceTrainBatchSize, ...lengths).peakBytes;
  const resumed = request.resumeFrom === undefined ? undefined : await splitOf(request.resumeFrom, asked);
  const { found, refused }: BatchSplitSearch =
    resumed === undefined
      ? findBatchSplit(asked, limit.tensorBytes, planPeakBytes)
      : { found: { split: resumed, peakBytes: planPeakBytes(resumed) }, refused: undefined };
  if (found === undefined)
    throw tooLarge(`A step with one record of ${describeLengths(lengths)}`, refused?.peakBytes ?? 0, limit);
  const program = programOf(found.split);
  const perDeviceEvalBatchSize = evaluationBatchSize(program, splits.get(Split.VALIDATION), asked, limit);
  const search: BatchSizeSearch = {
    askedBatchSize: asked.perDeviceTrainBatchSize,
    limitSource: limit.source,
    limitBytes: limit.bytes,
    tensorLimitBytes: limit.tensorBytes,
    plannedPeakBytes: found.peakBytes,
    refusedBatchSize: refused?.split.perDeviceTrainBatchSize ?? 0,
    refusedPeakBytes: refused?.peakBytes ?? 0,
    isResumed: resumed !== undefined,
    perDeviceEvalBatchSize,
  };
  return {
    options: { ...asked, ...found.split, perDeviceEvalBatchSize },
    program,
    search,
    message: describe(found.split, search, limit, lengths),
  };
}

/** Free memory of the GPU that the engine takes first, which holds most of a run on several, or of the host. */
function freeBytes(tensorflow: 'cpu' | 'gpu'): number {
  const [sample] = new DeviceMemorySampler({ useGpu: tensorflow === 'gpu' }).sample();
  return sample?.freeBytes ?? 0;
}

/** Tokens of the longest record and, where there are targets, of the longest target. */
type Lengths = readonly [length: number, targetLength?: number];

function longestLengths(dataset: EncodedDataset | undefined): Lengths {
  const length = longestOf(dataset?.offsets);
  return dataset?.targets === undefined ? [length] : [length, longestOf(dataset.targets.offsets)];
}

function longestOf(offsets: Uint32Array | undefined): number {
  let longest = 1;
  offsets?.forEach((start, record) => {
    longest = Math.max(longest, (offsets[record + 1] ?? start) - start);
  });
  return longest;
}

function describeLengths([length, targetLength]: Lengths): string {
  return `${length} tokens${targetLength === undefined ? '' : ` and targets of ${targetLength}`}`;
}

/** How a checkpoint's run split its steps, where that is one of the ways in which this one may. */
async function splitOf(checkpoint: FolderReader, asked: TrainingOptions): Promise<BatchSplit | undefined> {
  const { fingerprint } = await readTrainerState(checkpoint);
  return batchSplits(asked).find(
    (split) =>
      split.perDeviceTrainBatchSize === fingerprint['perDeviceTrainBatchSize'] &&
      microBatchesPerStep({ ...asked, ...split }) === fingerprint['gradientAccumulationSteps'],
  );
}

/** Scores do not depend on it, so that a run that goes on may have another one. */
function evaluationBatchSize(
  program: TrainingProgram,
  dataset: EncodedDataset | undefined,
  { perDeviceEvalBatchSize: asked }: TrainingOptions,
  limit: MemoryLimit,
): number {
  if (dataset === undefined) return asked;
  const lengths = longestLengths(dataset);
  const planPeakBytes = (size: number): number =>
    Math.ceil(EVALUATION_EXCESS * program.planEvaluation(size, ...lengths).peakBytes);
  for (let size = asked; ; size = Math.floor(size / 2)) {
    const peakBytes = planPeakBytes(size);
    if (peakBytes <= limit.tensorBytes) return size;
    if (size === 1) throw tooLarge(`The evaluation of one record of ${describeLengths(lengths)}`, peakBytes, limit);
  }
}

function tooLarge(what: string, peakBytes: number, limit: MemoryLimit): EngineError {
  return new EngineError(
    'OUT_OF_MEMORY',
    `${what} takes ${peakBytes} bytes as planned; there are ${describeLimit(limit)}. Shorter records (max_sequence_length), gradient_checkpointing or a reduced model take less`,
  );
}

function describe(split: BatchSplit, search: BatchSizeSearch, limit: MemoryLimit, lengths: Lengths): string {
  const { askedBatchSize, plannedPeakBytes, refusedBatchSize, refusedPeakBytes } = search;
  const batch =
    split.perDeviceTrainBatchSize === askedBatchSize
      ? `Micro-batches of ${askedBatchSize} records, as asked for`
      : `Micro-batches of ${split.perDeviceTrainBatchSize} records in place of ${askedBatchSize}, ${split.gradientAccumulationSteps} a step`;
  const planned = `a step with records of ${describeLengths(lengths)} takes ${plannedPeakBytes} bytes as planned`;
  if (search.isResumed) return `${batch}, as the checkpoint has it: ${planned}`;
  const refused = refusedBatchSize === 0 ? '' : `, with ${refusedBatchSize} it would be ${refusedPeakBytes}`;
  return `${batch}: ${planned}${refused}; there are ${describeLimit(limit)}`;
}
