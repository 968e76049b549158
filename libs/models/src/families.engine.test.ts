import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cast, gradients, identity, type Tensor } from '@pemmican/graph';
import { familyFixtures, questionAnsweringFixture, type Case, type Fixture } from '../test/fixtures.ts';
import {
  feeds, logitsOf, lossOf, modelOf, paddingOf, relativeDifference, startGraph, withSession,
} from '../test/model-graph.ts'; // prettier-ignore
import { SUPPORTED_MODEL_TYPES } from './mod.ts';

const FIXTURES = familyFixtures();
const QUESTIONS = questionAnsweringFixture();

// float64: 1e-6 covers rounding results, and the cosines and sines of positions, to float32; decoders of Llama's kind take
// their softmax in float32 in transformers, whatever the weights are. float32: a depth of a few dozen roundings of 6e-8
// through divisions by small standard deviations; 63 full steps of MiniLM stay within 1e-5.
const FLOAT64_TOLERANCE: Readonly<Record<string, number>> = {
  llama: 3e-6, qwen2: 3e-6, qwen3: 3e-6, gemma2: 3e-6, gemma3_text: 3e-6,
}; // prettier-ignore

function compare(
  family: string,
  fixture: Fixture,
  one: Case,
  floatDtype: 'float32' | 'float64',
  gradientCheckpointing: boolean,
): void {
  const graph = startGraph(floatDtype, one.task);
  const { builder } = graph;
  const model = modelOf(one);
  const weights = new Map<string, Tensor>();
  for (const { name, shape } of model.parameters(one.task, one.labelCount, fixture.vocabRows)) {
    assert.ok(name in one.parameters, `${name} is a parameter of transformers' model`);
    const { value, shape: expectedShape } = one.parameters[name]!;
    assert.deepEqual(shape, expectedShape, name);
    weights.set(name, identity(builder, builder.constant(value, floatDtype, shape)));
  }
  assert.deepEqual([...weights.keys()].sort(), Object.keys(one.parameters).sort());
  const options = { task: one.task, isTraining: true, gradientCheckpointing, ...paddingOf(model) };
  const output = model.forward(builder, graph.dimensions, weights, graph.inputs, options);
  const loss = lossOf(graph, output, one.task);
  const map = gradients(builder, loss);
  const fetches = ['logits', 'loss', ...[...weights.keys()].map((name) => `gradient/${name}`)];
  const results = [logitsOf(graph, output), loss, ...[...weights.values()].map((weight) => map.getDense(weight)!)];
  results.forEach((tensor, i) => identity(builder, cast(builder, tensor, 'float32'), { name: fetches[i]! }));
  const values = withSession(builder, (session) => session.run(feeds(fixture, one, [0, 0]), fetches));
  const tolerance = floatDtype === 'float64' ? (FLOAT64_TOLERANCE[family] ?? 1e-6) : 2e-5;
  assert.ok(relativeDifference(values[0]!.data, one.logits) < tolerance, 'logits');
  assert.ok(Math.abs(values[1]!.data[0]! - one.loss) < tolerance * one.loss, 'loss');
  const scale = Math.max(...Object.values(one.parameters).map(({ gradient }) => Math.max(...gradient.map(Math.abs))));
  [...weights.keys()].forEach((name, index) => {
    const expected = one.parameters[name]!.gradient;
    const actual = values[index + 2]!.data;
    assert.equal(actual.length, expected.length, name);
    const worst = expected.reduce((max, value, i) => Math.max(max, Math.abs(actual[i]! - value)), 0);
    const largest = Math.max(...expected.map(Math.abs));
    // A bias of keys moves every score of a row alike, so that its gradient is 0 but for rounding.
    if (largest < 1e-7 * scale) assert.ok(worst < 1e-6 * scale, `${name}: ${worst}`);
    else assert.ok(worst < tolerance * largest, `${name}: off by ${worst}, largest ${largest}`);
  });
  // A tied matrix' padding row does get one, from the output side.
  if (model.padTokenId === undefined || model.isTied(one.task)) return;
  const words = values[[...weights.keys()].indexOf(model.embeddingMatrixName) + 2]!.data;
  const width = one.parameters[model.embeddingMatrixName]!.shape[1]!;
  const row = words.slice(model.padTokenId * width, (model.padTokenId + 1) * width);
  assert.ok(row.length === width && row.every((value) => value === 0), 'the padding row gets no gradient');
}

test('every supported model type has reference values', () => {
  assert.deepEqual([...FIXTURES.keys()].sort(), [...SUPPORTED_MODEL_TYPES].sort());
});

test('every encoder has reference values for question answering', () => {
  const encoders = [...FIXTURES].filter(([, { cases }]) => modelOf(cases[0]!).tasks.includes('question-answering'));
  assert.deepEqual(QUESTIONS.cases.map(({ family }) => family).sort(), encoders.map(([family]) => family).sort());
});

const ALL_CASES = [
  ...[...FIXTURES].flatMap(([family, fixture]) => fixture.cases.map((one) => ({ family, fixture, one }))),
  ...QUESTIONS.cases.map((one) => ({ family: one.family, fixture: QUESTIONS, one })),
];

for (const { family, fixture, one } of ALL_CASES)
  for (const gradientCheckpointing of [false, true])
    for (const floatDtype of ['float64', 'float32'] as const)
      test(`model.forward and its gradients equal PyTorch's: ${family}, ${one.name}, ${floatDtype}${gradientCheckpointing ? ', recomputed' : ''}`, () => {
        compare(family, fixture, one, floatDtype, gradientCheckpointing);
      });
