import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { TensorflowSession } from '@pemmican/engine';
import {
  GraphBuilder, RuntimeDimensions, binary, cast, crossEntropyMean, encodeSavedModel, gradients, identity, reduce, reshape, squaredErrorMean, symbol, unary,
  type GraphSession, type Tensor, type TensorValue,
} from '@pemmican/graph'; // prettier-ignore
import { SeededRandom, parseModel, type Model, type ModelInputs, type Task } from './mod.ts';

/** Made by tools/oracles/src/bert/make_fixtures.py: transformers 5.23 on PyTorch 2.15, float64. */
interface Case {
  readonly name: string;
  readonly config: Record<string, unknown>;
  readonly labelCount: number;
  readonly labels: number[];
  readonly logits: number[];
  readonly loss: number;
  readonly parameters: Record<string, { shape: number[]; value: number[]; gradient: number[] }>;
}
interface Fixture {
  readonly batch: number;
  readonly length: number;
  readonly inputIds: number[];
  readonly attentionMask: number[];
  readonly tokenTypeIds: number[];
  readonly cases: Case[];
}
const fixture = JSON.parse(
  gunzipSync(readFileSync(path.join(import.meta.dirname, '../fixtures/tiny-bert.json.gz'))).toString(),
) as Fixture;
const PADDING_ID = 0;
const WORDS = 'bert.embeddings.word_embeddings.weight';

interface Graph {
  readonly builder: GraphBuilder;
  readonly dimensions: RuntimeDimensions;
  readonly inputs: ModelInputs;
  readonly labels: Tensor;
}

function startGraph(floatDtype: 'float32' | 'float64', isRegression: boolean): Graph {
  const builder = new GraphBuilder({ floatDtype });
  const shape = [symbol('batch'), symbol('length')];
  const inputIds = builder.placeholder('inputIds', 'int32', shape);
  const labels = builder.placeholder('labels', isRegression ? 'float32' : 'int32', [symbol('batch')]);
  return {
    builder,
    dimensions: new RuntimeDimensions(builder, inputIds),
    inputs: {
      inputIds,
      attentionMask: cast(builder, builder.placeholder('attentionMask', 'float32', shape), floatDtype),
      tokenTypeIds: builder.placeholder('tokenTypeIds', 'int32', shape),
      dropoutSeed: builder.placeholder('dropoutSeed', 'int32', [2]),
    },
    labels: isRegression ? cast(builder, labels, floatDtype) : labels,
  };
}

const taskOf = (one: Case): Task => (one.labelCount === 1 ? 'regression' : 'sequence-classification');

function lossOf({ builder, dimensions, labels }: Graph, one: Case, logits: Tensor): Tensor {
  return taskOf(one) === 'regression'
    ? squaredErrorMean(builder, reshape(builder, dimensions, logits, [symbol('batch')]), labels)
    : crossEntropyMean(builder, logits, labels);
}

function feeds(one: Case, seed: readonly [number, number]): Record<string, TensorValue> {
  const shape = [fixture.batch, fixture.length];
  return {
    inputIds: { dtype: 'int32', shape, data: Int32Array.from(fixture.inputIds) },
    attentionMask: { dtype: 'float32', shape, data: Float32Array.from(fixture.attentionMask) },
    tokenTypeIds: { dtype: 'int32', shape, data: Int32Array.from(fixture.tokenTypeIds) },
    labels:
      taskOf(one) === 'regression'
        ? { dtype: 'float32', shape: [fixture.batch], data: Float32Array.from(one.labels) }
        : { dtype: 'int32', shape: [fixture.batch], data: Int32Array.from(one.labels) },
    dropoutSeed: { dtype: 'int32', shape: [2], data: Int32Array.from(seed) },
  };
}

function withSession<T>(builder: GraphBuilder, use: (session: GraphSession) => T): T {
  const session = TensorflowSession.open(encodeSavedModel(builder, builder.constant(1, 'float32')));
  try {
    return use(session);
  } finally {
    session.dispose();
  }
}

/** Largest difference, relative to the largest expected element: single elements that nearly cancel have no digits left. */
function relativeDifference(actual: ArrayLike<number>, expected: readonly number[]): number {
  assert.equal(actual.length, expected.length);
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return expected.reduce((max, value, index) => Math.max(max, Math.abs(actual[index]! - value)), 0) / largest;
}

const modelOf = (one: Case, changes: Record<string, unknown> = {}): Model =>
  parseModel({ ...one.config, ...changes }, 'config.json');

for (const one of fixture.cases)
  for (const gradientCheckpointing of [false, true])
    for (const floatDtype of ['float64', 'float32'] as const) {
      const recomputed = gradientCheckpointing ? ', recomputed' : '';
      test(`bert.forward and its gradients equal PyTorch's: ${one.name}, ${floatDtype}${recomputed}`, () => {
        const graph = startGraph(floatDtype, taskOf(one) === 'regression');
        const { builder } = graph;
        const weights = new Map<string, Tensor>();
        for (const { name, shape } of modelOf(one).parameters(taskOf(one), one.labelCount, 23)) {
          const { value, shape: expectedShape } = one.parameters[name]!;
          assert.deepEqual(shape, expectedShape, name);
          weights.set(name, identity(builder, builder.constant(value, floatDtype, shape)));
        }
        assert.deepEqual([...weights.keys()].sort(), Object.keys(one.parameters).sort());
        const logits = modelOf(one).forward(builder, graph.dimensions, weights, graph.inputs, {
          isTraining: true,
          gradientCheckpointing,
          paddingIndex: PADDING_ID,
        });
        const loss = lossOf(graph, one, logits);
        const map = gradients(builder, loss);
        const fetches = ['logits', 'loss', ...[...weights.keys()].map((name) => `gradient/${name}`)];
        const results = [logits, loss, ...[...weights.values()].map((weight) => map.getDense(weight)!)];
        results.forEach((tensor, i) => identity(builder, cast(builder, tensor, 'float32'), { name: fetches[i]! }));
        const values = withSession(builder, (session) => session.run(feeds(one, [0, 0]), fetches));
        // float64: 1e-6 covers rounding results to float32 for the way out. float32: a depth of a few dozen roundings of 6e-8
        // through divisions by small standard deviations; 63 full steps of MiniLM stay within 1e-5.
        const tolerance = floatDtype === 'float64' ? 1e-6 : 2e-5;
        assert.ok(relativeDifference(values[0]!.data, one.logits) < tolerance, 'logits');
        assert.ok(Math.abs(values[1]!.data[0]! - one.loss) < tolerance * one.loss, 'loss');
        const scale = Math.max(
          ...Object.values(one.parameters).map(({ gradient }) => Math.max(...gradient.map(Math.abs))),
        );
        [...weights.keys()].forEach((name, index) => {
          const expected = one.parameters[name]!.gradient;
          const actual = values[index + 2]!.data;
          const worst = expected.reduce((max, value, i) => Math.max(max, Math.abs(actual[i]! - value)), 0);
          const largest = Math.max(...expected.map(Math.abs));
          // A key's bias moves every score of a row alike, so that its gradient is 0 but for rounding.
          if (name.endsWith('self.key.bias')) assert.ok(worst < 1e-6 * scale, `${name}: ${worst}`);
          else assert.ok(worst < tolerance * largest, `${name}: off by ${worst}, largest ${largest}`);
        });
        const words = values[[...weights.keys()].indexOf(WORDS) + 2]!.data;
        assert.ok(
          words.slice(0, 12).every((value) => value === 0),
          'the padding row gets no gradient',
        );
      });
    }

/** `|slope - difference| / |difference|` along a random direction of all parameters, in float64 with dropout on. */
function directionalError(one: Case, gradientCheckpointing: boolean): number {
  const step = 1e-5;
  const graph = startGraph('float64', taskOf(one) === 'regression');
  const { builder } = graph;
  const model = modelOf(one, { hidden_dropout_prob: 0.2, attention_probs_dropout_prob: 0.3, classifier_dropout: 0.25 });
  const specs = model.parameters(taskOf(one), one.labelCount, 23);
  const random = new SeededRandom(5, 'direction');
  const directions = specs.map(({ name, shape }) => {
    const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
    // The padding row's gradient is left out on purpose: do not move along it.
    if (name === WORDS) values.fill(0, PADDING_ID * 12, (PADDING_ID + 1) * 12);
    return builder.constant(values, 'float64', shape);
  });
  const points = specs.map(({ name, shape }) => builder.constant(one.parameters[name]!.value, 'float64', shape));
  const build = (values: readonly Tensor[]): Tensor => {
    const parameters = new Map(specs.map((spec, index) => [spec.name, values[index]!]));
    const options = { isTraining: true, gradientCheckpointing, paddingIndex: PADDING_ID };
    return lossOf(graph, one, model.forward(builder, graph.dimensions, parameters, graph.inputs, options));
  };
  const at = (shift: number): Tensor =>
    builder.withoutTape(() =>
      build(
        points.map((point, i) =>
          binary(builder, 'AddV2', point, binary(builder, 'Mul', directions[i]!, builder.constant(shift))),
        ),
      ),
    );
  const [ahead, behind] = [at(step), at(-step)];
  const difference = binary(builder, 'RealDiv', binary(builder, 'Sub', ahead, behind), builder.constant(2 * step));
  const parameters = points.map((point) => identity(builder, point));
  const map = gradients(builder, build(parameters));
  let slope = builder.constant(0);
  parameters.forEach((parameter, index) => {
    const product = binary(builder, 'Mul', map.getDense(parameter)!, directions[index]!);
    const axes = parameter.shape.map((_, axis) => axis);
    slope = binary(builder, 'AddV2', slope, reduce(builder, 'Sum', product, axes, false));
  });
  const error = unary(
    builder,
    'Abs',
    binary(builder, 'RealDiv', binary(builder, 'Sub', slope, difference), difference),
  );
  identity(builder, cast(builder, error, 'float32'), { name: 'error' });
  return withSession(builder, (session) => session.run(feeds(one, [11, 12]), ['error'])[0]!.data[0]!);
}

for (const one of fixture.cases)
  for (const gradientCheckpointing of [false, true])
    test(`bert.forward with dropout has the slope of central differences: ${one.name}${gradientCheckpointing ? ', recomputed' : ''}`, () => {
      // Rounding of the loss (1e-16) over twice the step leaves about 1e-11; the formula's own error is of order step^2.
      // A mask drawn anew in the backward pass, or any dropped term, shows as more than 1e-2.
      const error = directionalError(one, gradientCheckpointing);
      assert.ok(error < 1e-6, `relative error ${error}`);
    });

test('bert.forward draws dropout from the fed seed: the same twice, another for another seed, none in evaluation', () => {
  const one = fixture.cases[0]!;
  const graph = startGraph('float32', false);
  const model = modelOf(one, { hidden_dropout_prob: 0.5 });
  const weights = new Map(
    Object.entries(one.parameters).map(([name, { value, shape }]) => [
      name,
      graph.builder.constant(value, 'float32', shape),
    ]),
  );
  const forward = (name: string, isTraining: boolean, dropout?: number): void => {
    const options = { isTraining, ...(dropout === undefined ? {} : { dropout }) };
    const logits = model.forward(graph.builder, graph.dimensions, weights, graph.inputs, options);
    identity(graph.builder, logits, { name });
  };
  forward('train', true);
  forward('evaluate', false);
  forward('overridden', true, 0);
  withSession(graph.builder, (session) => {
    const run = (fetch: string, seed: [number, number]): number[] =>
      Array.from(session.run(feeds(one, seed), [fetch])[0]!.data);
    assert.deepEqual(run('train', [1, 2]), run('train', [1, 2]));
    assert.notDeepEqual(run('train', [1, 2]), run('train', [1, 3]));
    assert.notDeepEqual(run('train', [1, 2]), run('train', [2, 2]));
    assert.ok(relativeDifference(run('evaluate', [1, 2]), one.logits) < 2e-5);
    assert.deepEqual(run('evaluate', [1, 2]), run('evaluate', [7, 9]));
    assert.ok(relativeDifference(run('overridden', [1, 2]), one.logits) < 2e-5);
  });
});
