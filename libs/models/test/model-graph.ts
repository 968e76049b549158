import assert from 'node:assert/strict';
import { TensorflowSession } from '@pemmican/engine';
import {
  GraphBuilder, RuntimeDimensions, cast, crossEntropyMean, encodeSavedModel, reshape, squaredErrorMean, symbol,
  type GraphSession, type Tensor, type TensorValue,
} from '@pemmican/graph'; // prettier-ignore
import { parseModel, type Model, type ModelInputs, type Task } from '../src/mod.ts';
import type { Case, Fixture } from './fixtures.ts';

export const taskOf = (one: Case): Task => (one.labelCount === 1 ? 'regression' : 'sequence-classification');

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

export function startGraph(floatDtype: 'float32' | 'float64', task: Task): Graph {
  const builder = new GraphBuilder({ floatDtype });
  const shape = [symbol('batch'), symbol('length')];
  const inputIds = builder.placeholder('inputIds', 'int32', shape);
  const labels = builder.placeholder('labels', task === 'regression' ? 'float32' : 'int32', [symbol('batch')]);
  return {
    builder,
    dimensions: new RuntimeDimensions(builder, inputIds),
    inputs: {
      inputIds,
      attentionMask: cast(builder, builder.placeholder('attentionMask', 'float32', shape), floatDtype),
      tokenTypeIds: builder.placeholder('tokenTypeIds', 'int32', shape),
      dropoutSeed: builder.placeholder('dropoutSeed', 'int32', [2]),
    },
    labels: task === 'regression' ? cast(builder, labels, floatDtype) : labels,
  };
}

export function lossOf({ builder, dimensions, labels }: Graph, one: Case, logits: Tensor): Tensor {
  return taskOf(one) === 'regression'
    ? squaredErrorMean(builder, reshape(builder, dimensions, logits, [symbol('batch')]), labels)
    : crossEntropyMean(builder, logits, labels);
}

export function feeds(fixture: Fixture, one: Case, seed: readonly [number, number]): Record<string, TensorValue> {
  const shape = [fixture.batch, fixture.length];
  return {
    inputIds: { dtype: 'int32', shape, data: Int32Array.from(one.inputIds) },
    attentionMask: { dtype: 'float32', shape, data: Float32Array.from(one.attentionMask) },
    tokenTypeIds: { dtype: 'int32', shape, data: Int32Array.from(one.tokenTypeIds) },
    labels:
      taskOf(one) === 'regression'
        ? { dtype: 'float32', shape: [fixture.batch], data: Float32Array.from(one.labels) }
        : { dtype: 'int32', shape: [fixture.batch], data: Int32Array.from(one.labels) },
    dropoutSeed: { dtype: 'int32', shape: [2], data: Int32Array.from(seed) },
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
