/**
 * Training on `@pemmican/graph`: AdamW in the graph, schedules, batches, evaluation, checkpoints, and the loop that drives
 * a session.
 * @module
 */
export {
  batchSplits,
  findBatchSplit,
  type BatchSplit,
  type BatchSplitSearch,
  type PlannedSplit,
} from './batch-size.ts';
export {
  OPTIMIZER_FILE_NAME,
  TRAINER_STATE_FILE_NAME,
  WEIGHTS_FILE_NAME,
  checkFingerprint,
  loadCheckpoint,
  readTrainerState,
  writeModelFiles,
  type CompanionFiles,
  type EvaluationEntry,
  type TrainerState,
  type WeightsFile,
} from './checkpoint.ts';
export {
  EncodedDatasetBuilder,
  digestDataset,
  epochOrder,
  makeBatch,
  type Batch,
  type EncodedDataset,
  type TargetSequences,
} from './encoded-dataset.ts';
export {
  DEFAULT_ANSWER_CHOICE,
  predictAnswer,
  type AnswerChoice,
  type AnswerOptions,
  type PredictedAnswer,
  type WindowLogits,
} from './answer-prediction.ts';
export { answerScores, normalizeAnswer, type AnswerScores } from './answer-scores.ts';
export { entityScores, type EntityScores } from './entity-scores.ts';
export { TrainingError, type TrainingErrorCode } from './error.ts';
export { evaluate, predictLogits, type EvaluationResult } from './evaluation.ts';
export { ENTITY_METRICS, METRICS, defaultMetric, isGreaterBetter, type Metric } from './metrics.ts';
export {
  DEFAULT_LORA_ALPHA,
  DEFAULT_TRAINING_OPTIONS,
  checkOptions,
  findOptionProblems,
  type LoraTrainingOptions,
  type OptionProblem,
  type TrainingOptions,
} from './options.ts';
export { generate, type GeneratedBatch, type GenerationOptions } from './generate.ts';
export { buildGenerationProgram } from './generation-program.ts';
export { clearMoments, loadWeights } from './parameter-transfer.ts';
export { buildPredictionProgram, type PredictionProgram } from './prediction-program.ts';
export { FEED, FETCH } from './program-feeds.ts';
export { answerQuestions, type AnsweredQuestion } from './question-evaluation.ts';
export { rougeScores, type RougeScores } from './rouge-scores.ts';
export {
  NOT_IN_CONTEXT,
  QuestionWindowsBuilder,
  answerSpan,
  type QuestionWindows,
  type TokenPlaces,
} from './question-windows.ts';
export { microBatchesPerStep, planRun, unusedRowDecayFactor, type RunPlan } from './run-plan.ts';
export { SCHEDULES, learningRateAt, type Schedule } from './schedule.ts';
export { targetCountOf } from './target-count.ts';
export type { MaskingOptions } from './token-targets.ts';
export { train, type CheckpointStore, type TrainingEvent, type TrainingRun } from './trainer.ts';
export {
  buildTrainingProgram,
  type ProgramOptions,
  type ProgramParameter,
  type TrainedParameter,
  type TrainingProgram,
} from './training-program.ts';
export { NO_LABEL, continuationLabels, labelTokens } from './word-labels.ts';
