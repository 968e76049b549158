import type { Evaluation } from '@pemmican/contract/trainer';
import { Split } from '@pemmican/contract/vocabulary';
import type { EvaluationEntry, TrainerState } from '@pemmican/training';

export function toEvaluation({ step, epoch, result, elapsedMs }: EvaluationEntry): Evaluation {
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

/** The evaluation of a step, where there was one. */
export function evaluationOf(state: TrainerState, step: number): Evaluation | undefined {
  const entry = state.evaluations.find((candidate) => candidate.step === step);
  return entry === undefined ? undefined : toEvaluation(entry);
}
