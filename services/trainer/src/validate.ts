import { RecordKind, Split, type DatasetSpec } from '@pemmican/contract/vocabulary';
import {
  Task,
  TrainingOptions,
  type EstimateMemoryRequest,
  type PredictRequest,
  type RunSpec,
  type WatchDeviceMemoryRequest,
} from '@pemmican/contract/trainer';
import { findTargetProblems } from '@pemmican/dataset';
import { FieldViolations } from '@pemmican/rpc';
import { StorageError, artifactName, localPath, parseLocation } from '@pemmican/storage';
import { findOptionProblems } from '@pemmican/training';
import { toTrainingOptions } from './convert-options.ts';
import { checkSequences } from './validate-sequences.ts';

// transformers' own limit for the longest inputs there are; the model's positions are checked when it is open.
const MAX_SEQUENCE_LENGTH = 1_000_000;
const MIN_SAMPLE_INTERVAL_MS = 50;
const MAX_SAMPLE_INTERVAL_MS = 60_000;
const MAX_BATCH_SIZE = 65_536;
/** The engine counts budgets in whole MiB: a smaller one would be another than was asked for. */
const MIN_MEMORY_BUDGET_BYTES = 1024 * 1024;

/** @throws RpcError INVALID_ARGUMENT with every field that is wrong */
export function validateRunSpec(spec: RunSpec): void {
  const violations = new FieldViolations();
  checkLocation(violations, 'spec.model_uri', spec.modelUri, parseLocation);
  checkLocation(violations, 'spec.output_uri', spec.outputUri, localOutput);
  checkDataset(violations, 'spec.dataset', spec.dataset, spec.options?.task ?? Task.UNSPECIFIED);
  violations.check(
    spec.dataset?.files.some((file) => file.split === Split.TRAIN) ?? false,
    'spec.dataset.files',
    'has no training split',
  );
  checkMemoryBudget(violations, 'spec.memory_budget_bytes', spec.memoryBudgetBytes);
  const interval = spec.memorySampleIntervalMs;
  violations.check(
    interval === 0 || (interval >= MIN_SAMPLE_INTERVAL_MS && interval <= MAX_SAMPLE_INTERVAL_MS),
    'spec.memory_sample_interval_ms',
    `is ${interval}, must be 0 or from ${MIN_SAMPLE_INTERVAL_MS} to ${MAX_SAMPLE_INTERVAL_MS}`,
  );
  for (const { field, message } of findOptionProblems(toTrainingOptions(spec.options)))
    violations.add(`spec.options.${toSnakeCase(field)}`, message);
  checkLabelNames(violations, 'spec.options', spec.options);
  checkBatchSizeSearch(violations, 'spec.options', spec.options);
  violations.throwIfAny();
}

/** @throws RpcError INVALID_ARGUMENT */
export function validatePredictRequest(request: PredictRequest): void {
  const violations = new FieldViolations();
  checkLocation(violations, 'model_uri', request.modelUri, parseLocation);
  checkDataset(violations, 'dataset', request.dataset, request.task);
  violations.check(
    request.dataset?.files.length === 1,
    'dataset.files',
    `has ${request.dataset?.files.length ?? 0} files, must have exactly one`,
  );
  violations.check(
    request.batchSize <= MAX_BATCH_SIZE,
    'batch_size',
    `is ${request.batchSize}, must be at most ${MAX_BATCH_SIZE}`,
  );
  checkMemoryBudget(violations, 'memory_budget_bytes', request.memoryBudgetBytes);
  // The options of a prediction are those of an evaluation, with the same limits.
  const { nBestSize, maxAnswerLength, nullScoreDiffThreshold } = request;
  const options = toTrainingOptions(
    TrainingOptions.fromPartial({ nBestSize, maxAnswerLength, nullScoreDiffThreshold }),
  );
  for (const { field, message } of findOptionProblems(options)) violations.add(toSnakeCase(field), message);
  violations.throwIfAny();
}

/** @throws RpcError INVALID_ARGUMENT */
export function validateEstimateRequest(request: EstimateMemoryRequest): void {
  const violations = new FieldViolations();
  checkLocation(violations, 'model_uri', request.modelUri, parseLocation);
  violations.check(
    request.sequenceLength > 0 && request.sequenceLength <= MAX_SEQUENCE_LENGTH,
    'sequence_length',
    `is ${request.sequenceLength}, must be from 1 to ${MAX_SEQUENCE_LENGTH}`,
  );
  const hasTargets = request.options?.task === Task.SEQ2SEQ_LM;
  violations.check(
    hasTargets === request.targetLength > 0 && request.targetLength <= MAX_SEQUENCE_LENGTH,
    'target_length',
    `is ${request.targetLength}, must be ${hasTargets ? `from 1 to ${MAX_SEQUENCE_LENGTH}` : '0: the task has no targets'}`,
  );
  violations.check(
    request.reducedVocabSize >= 0,
    'reduced_vocab_size',
    `is ${request.reducedVocabSize}, must not be negative`,
  );
  violations.check(
    request.memoryLimitBytes >= 0,
    'memory_limit_bytes',
    `is ${request.memoryLimitBytes}, must not be negative`,
  );
  for (const { field, message } of findOptionProblems(toTrainingOptions(request.options)))
    violations.add(`options.${toSnakeCase(field)}`, message);
  checkLabelNames(violations, 'options', request.options);
  violations.throwIfAny();
}

/** @throws RpcError INVALID_ARGUMENT */
export function validateWatchDeviceMemory(request: WatchDeviceMemoryRequest): void {
  const violations = new FieldViolations();
  const interval = request.intervalMs;
  violations.check(
    interval === 0 || (interval >= MIN_SAMPLE_INTERVAL_MS && interval <= MAX_SAMPLE_INTERVAL_MS),
    'interval_ms',
    `is ${interval}, must be 0 or from ${MIN_SAMPLE_INTERVAL_MS} to ${MAX_SAMPLE_INTERVAL_MS}`,
  );
  violations.throwIfAny();
}

function checkDataset(violations: FieldViolations, field: string, dataset: DatasetSpec | undefined, task: Task): void {
  if (dataset === undefined) {
    violations.add(field, 'must be set');
    return;
  }
  violations.check(
    dataset.maxSequenceLength <= MAX_SEQUENCE_LENGTH,
    `${field}.max_sequence_length`,
    `is ${dataset.maxSequenceLength}, must be at most ${MAX_SEQUENCE_LENGTH}`,
  );
  checkQuestions(violations, field, dataset, task);
  const isOfWords = dataset.recordKind === RecordKind.WORDS;
  violations.check(
    isOfWords === (task === Task.TOKEN_CLASSIFICATION),
    `${field}.record_kind`,
    isOfWords
      ? 'is words, which token classification takes and no other task'
      : 'must be words for token classification',
  );
  checkTargets(violations, field, dataset, task);
  violations.check(
    !isOfWords || dataset.textPairColumn === '',
    `${field}.text_pair_column`,
    'must be empty: words have no second text',
  );
  checkSequences(violations, field, dataset, task);
  const seen = new Set<number>();
  dataset.files.forEach((file, index) => {
    checkLocation(violations, `${field}.files[${index}].uri`, file.uri, artifactName);
    violations.check(file.split !== Split.UNSPECIFIED, `${field}.files[${index}].split`, 'must be set');
    violations.check(!seen.has(file.split), `${field}.files[${index}].split`, 'is there twice');
    seen.add(file.split);
  });
}

function checkQuestions(violations: FieldViolations, field: string, dataset: DatasetSpec, task: Task): void {
  const isOfQuestions = dataset.recordKind === RecordKind.QUESTIONS;
  violations.check(
    isOfQuestions === (task === Task.QUESTION_ANSWERING),
    `${field}.record_kind`,
    isOfQuestions
      ? 'is questions, which question answering takes and no other task'
      : 'must be questions for question answering',
  );
  const { docStride, maxSequenceLength } = dataset;
  violations.check(
    !isOfQuestions || docStride === undefined || maxSequenceLength === 0 || docStride < maxSequenceLength,
    `${field}.doc_stride`,
    `is ${docStride}, must be below max_sequence_length ${maxSequenceLength}`,
  );
}

/** What only records of source and target have. */
function checkTargets(violations: FieldViolations, field: string, dataset: DatasetSpec, task: Task): void {
  const hasTargets = dataset.recordKind === RecordKind.SOURCE_AND_TARGET;
  violations.check(
    hasTargets === (task === Task.SEQ2SEQ_LM),
    `${field}.record_kind`,
    hasTargets
      ? 'is source and target, which sequence-to-sequence language modeling takes and no other task'
      : 'must be source and target for sequence-to-sequence language modeling',
  );
  for (const problem of findTargetProblems(dataset, hasTargets, MAX_SEQUENCE_LENGTH))
    violations.add(`${field}.${problem.field}`, problem.description);
}

function checkLabelNames(violations: FieldViolations, field: string, options: TrainingOptions | undefined): void {
  const names = options?.labelNames ?? [];
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  violations.check(repeated === undefined, `${field}.label_names`, `has ${JSON.stringify(repeated)} twice`);
  violations.check(!names.includes(''), `${field}.label_names`, 'has an empty name');
  const count = options?.numLabels ?? 0;
  violations.check(
    names.length === 0 || count === 0 || names.length === count,
    `${field}.label_names`,
    `has ${names.length} names, num_labels is ${count}`,
  );
}

function checkMemoryBudget(violations: FieldViolations, field: string, bytes: number): void {
  violations.check(
    bytes === 0 || bytes >= MIN_MEMORY_BUDGET_BYTES,
    field,
    `is ${bytes}, must be 0 (no limit) or at least ${MIN_MEMORY_BUDGET_BYTES}`,
  );
}

function checkBatchSizeSearch(violations: FieldViolations, field: string, options: TrainingOptions | undefined): void {
  const bytes = options?.autoFindMemoryBytes ?? 0;
  violations.check(bytes >= 0, `${field}.auto_find_memory_bytes`, `is ${bytes}, must not be negative`);
  violations.check(
    bytes === 0 || options?.autoFindBatchSize === true,
    `${field}.auto_find_memory_bytes`,
    'must be 0 without auto_find_batch_size, which alone asks for it',
  );
}

function checkLocation(violations: FieldViolations, field: string, uri: string, parse: (uri: string) => unknown): void {
  try {
    parse(uri);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    violations.add(field, error.message);
  }
}

/** Checkpoints are renamed and linked as a run goes on, which a bucket cannot do. */
function localOutput(uri: string): string {
  if (parseLocation(uri).kind === 's3')
    throw new StorageError(
      'UNSUPPORTED_SCHEME',
      uri,
      'a run keeps its checkpoints in a local folder; restore or copy what it leaves to s3:',
    );
  return localPath(uri);
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
