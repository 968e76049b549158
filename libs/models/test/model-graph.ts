import assert from 'node:assert/strict';
import { TensorflowSession } from '@pemmican/engine';
import {
  GraphBuilder, RuntimeDimensions, add, cast, crossEntropyMean, encodeSavedModel, matmul, reshape, scale, squaredErrorMean, symbol, tanh,
  vocabularyCrossEntropyMean,
  type Dimension, type GraphSession, type Tensor, type TensorValue,
} from '@pemmican/graph'; // prettier-ignore
import {
  hasTargetSequence,
  hasTokenTargets,
  parseModel,
  type Model,
  type ModelInputs,
  type ModelOutput,
  type Task,
} from '../src/mod.ts';
import type { Case, Fixture } from './fixtures.ts';

export const modelOf = (one: Case, changes: Record<string, unknown> = {}): Model =>
  parseModel({ ...one.config, ...changes }, 'config.json');

/** The model's padding row, for `ForwardOptions`. */
export const paddingOf = (model: Model): { paddingIndex?: number } =>
  model.padTokenId === undefined ? {} : { paddingIndex: model.padTokenId };

export interface Graph {
  readonly builder: GraphBuilder;
  readonly dimensions: RuntimeDimensions;
  readonly inputs: ModelInputs;
  readonly labels: Tensor;
}

/** How many labels a batch has. */
function labelCountOf(task: Task): Dimension {
  // The starts of all rows, and then their ends.
  if (task === 'question-answering') return { coefficient: 2, symbols: ['batch'] };
  return symbol(hasTokenTargets(task) ? 'targets' : 'batch');
}

export function startGraph(floatDtype: 'float32' | 'float64', task: Task): Graph {
  const builder = new GraphBuilder({ floatDtype });
  const shape = [symbol('batch'), symbol('length')];
  const inputIds = builder.placeholder('inputIds', 'int32', shape);
  const items = [labelCountOf(task)];
  const labels = builder.placeholder('labels', task === 'regression' ? 'float32' : 'int32', items);
  const targetPositions = hasTokenTargets(task) ? builder.placeholder('targetPositions', 'int32', items) : undefined;
  const targets = {
    ...(targetPositions === undefined ? {} : { targetPositions }),
    ...(hasTargetSequence(task)
      ? { decoderInputIds: builder.placeholder('decoderInputIds', 'int32', [symbol('batch'), symbol('targetLength')]) }
      : {}),
  };
  return {
    builder,
    dimensions: new RuntimeDimensions(builder, inputIds, ...Object.values(targets)),
    inputs: {
      inputIds,
      attentionMask: cast(builder, builder.placeholder('attentionMask', 'float32', shape), floatDtype),
      tokenTypeIds: builder.placeholder('tokenTypeIds', 'int32', shape),
      dropoutSeed: builder.placeholder('dropoutSeed', 'int32', [2]),
      ...targets,
    },
    labels: task === 'regression' ? cast(builder, labels, floatDtype) : labels,
  };
}

// Fewer than the vocabulary has, and no divisor of it.
const CHUNK_ROWS = 9;

export function lossOf({ builder, dimensions, labels }: Graph, output: ModelOutput, task: Task): Tensor {
  if (output.kind === 'vocabulary') {
    const { hidden, matrix, bias, softCap } = output;
    const options = { chunkRows: CHUNK_ROWS, ...(softCap === undefined ? {} : { softCap }) };
    return vocabularyCrossEntropyMean(builder, hidden, matrix, bias, labels, options);
  }
  return task === 'regression'
    ? squaredErrorMean(builder, reshape(builder, dimensions, output.logits, [symbol('batch')]), labels)
    : crossEntropyMean(builder, output.logits, labels);
}

/** `[batch, labelCount]`, `[targets, labelCount]` or `[targets, vocabSize]`: whole here, to compare them. */
export function logitsOf({ builder }: Graph, output: ModelOutput): Tensor {
  if (output.kind === 'logits') return output.logits;
  const { hidden, matrix, bias, softCap } = output;
  let logits = matmul(builder, hidden, matrix, { transposeB: true });
  if (bias !== undefined) logits = add(builder, logits, bias);
  return softCap === undefined ? logits : scale(builder, tanh(builder, scale(builder, logits, 1 / softCap)), softCap);
}

export function feeds(fixture: Fixture, one: Case, seed: readonly [number, number]): Record<string, TensorValue> {
  const shape = [fixture.batch, fixture.length];
  const { targetPositions } = one;
  const items = [one.labels.length];
  return {
    inputIds: { dtype: 'int32', shape, data: Int32Array.from(one.inputIds) },
    attentionMask: { dtype: 'float32', shape, data: Float32Array.from(one.attentionMask) },
    tokenTypeIds: { dtype: 'int32', shape, data: Int32Array.from(one.tokenTypeIds) },
    labels:
      one.task === 'regression'
        ? { dtype: 'float32', shape: items, data: Float32Array.from(one.labels) }
        : { dtype: 'int32', shape: items, data: Int32Array.from(one.labels) },
    dropoutSeed: { dtype: 'int32', shape: [2], data: Int32Array.from(seed) },
    ...(targetPositions === undefined
      ? {}
      : { targetPositions: { dtype: 'int32', shape: items, data: Int32Array.from(targetPositions) } }),
    ...(fixture.targetLength === undefined
      ? {}
      : {
          decoderInputIds: {
            dtype: 'int32',
            shape: [fixture.batch, fixture.targetLength],
            data: Int32Array.from(one.decoderInputIds ?? []),
          },
        }),
  };
}

export function withSession<T>(builder: GraphBuilder, use: (session: GraphSession) => T): T {
  const session = TensorflowSession.open(encodeSavedModel(builder, builder.constant(1, 'float32')));
  try {
    return use(session);
  } finally {
    session.dispose();
  }
}

/** Largest difference, relative to the largest expected element: single elements that nearly cancel have no digits left. */
export function relativeDifference(actual: ArrayLike<number>, expected: readonly number[]): number {
  assert.equal(actual.length, expected.length);
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return expected.reduce((max, value, index) => Math.max(max, Math.abs(actual[index]! - value)), 0) / largest;
}
