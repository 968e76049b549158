import type { GraphSession, TensorValue } from '@pemmican/graph';
import { FEED, FETCH, towerPrefix } from './program-feeds.ts';
import type { TaskBatch } from './task-batch.ts';
import type { TrainingProgram } from './training-program.ts';

/** The micro-batches of one step, and what the step is fed beside them. */
export interface StepFeeds {
  readonly batches: readonly TaskBatch[];
  /** AdamW's scalars. */
  readonly optimizer: Readonly<Record<string, TensorValue>>;
  readonly dropoutSeedOf: (microBatch: number) => Int32Array;
}

/** What a step's micro-batches gave. */
export interface StepResult {
  /** Mean over the step's records. */
  readonly loss: number;
  /** Before clipping. */
  readonly gradNorm: number;
  /** Without padding. */
  readonly tokenCount: number;
  readonly longestRowTokens: number;
  /** Of targets; 0 where there are none. */
  readonly longestTargetTokens: number;
}

/** Makes one optimizer step of its micro-batches. */
export function runMicroBatches(session: GraphSession, program: TrainingProgram, step: StepFeeds): StepResult {
  const { batches, optimizer } = step;
  const stepItemCount = batches.reduce((sum, { itemCount }) => sum + itemCount, 0);
  const feeds = batches.map((batch, microBatch): Record<string, TensorValue> => ({
    ...batch.feeds,
    [FEED.dropoutSeed]: { dtype: 'int32', shape: [2], data: step.dropoutSeedOf(microBatch) },
    // Weighted by what the loss is a mean over, so that a step is the same whether it comes in one batch or in several.
    [FEED.lossWeight]: scalar(batch.itemCount / stepItemCount),
  }));
  const { losses, gradNorm } =
    program.accumulators.length > 0
      ? runAccumulating(session, program.towerCount, feeds, optimizer)
      : runPlain(session, { ...feeds[0], ...optimizer });
  return {
    loss: batches.reduce((sum, { itemCount }, index) => sum + ((losses[index] ?? NaN) * itemCount) / stepItemCount, 0),
    gradNorm,
    tokenCount: batches.reduce((sum, { tokenCount }) => sum + tokenCount, 0),
    longestRowTokens: batches.reduce((longest, { batch }) => Math.max(longest, batch.length), 0),
    longestTargetTokens: batches.reduce((longest, { targetLength = 0 }) => Math.max(longest, targetLength), 0),
  };
}

interface CallResult {
  /** Of each micro-batch. */
  readonly losses: readonly number[];
  readonly gradNorm: number;
}

function runPlain(session: GraphSession, feeds: Record<string, TensorValue>): CallResult {
  const [loss, norm] = session.run(feeds, [FETCH.trainLoss, FETCH.trainNorm]);
  return { losses: [valueOf(loss)], gradNorm: valueOf(norm) };
}

/**
 * Adds up the gradients of micro-batches, as many in a call as there are towers, and applies the sum. What a call does not
 * fetch it does not compute, so that towers may be left without a micro-batch.
 */
function runAccumulating(
  session: GraphSession,
  towerCount: number,
  microBatches: readonly Record<string, TensorValue>[],
  optimizer: Readonly<Record<string, TensorValue>>,
): CallResult {
  const losses: number[] = [];
  for (let next = 0; next < microBatches.length; next += towerCount) {
    const feeds: Record<string, TensorValue> = {};
    const fetches: string[] = [];
    microBatches.slice(next, next + towerCount).forEach((microBatch, tower) => {
      for (const [name, value] of Object.entries(microBatch)) feeds[towerPrefix(tower) + name] = value;
      fetches.push(towerPrefix(tower) + FETCH.accumulateLoss);
    });
    losses.push(...session.run(feeds, fetches).map(valueOf));
  }
  return { losses, gradNorm: valueOf(session.run(optimizer, [FETCH.applyNorm])[0]) };
}

function valueOf(scalar: TensorValue | undefined): number {
  return scalar?.data[0] ?? NaN;
}

export function scalar(value: number): TensorValue {
  return { dtype: 'float32', shape: [], data: Float32Array.of(value) };
}
