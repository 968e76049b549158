import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cast, identity, type Tensor } from '@pemmican/graph';
import { familyFixtures, questionAnsweringFixture, type Case, type Fixture } from '../test/fixtures.ts';
import {
  feeds, logitsOf, lossOf, modelOf, paddingOf, relativeDifference, startGraph, withSession,
} from '../test/model-graph.ts'; // prettier-ignore
import { slopeError } from '../test/slope-error.ts';
import { SeededRandom, type Model } from './mod.ts';

const FIXTURES = familyFixtures();
const QUESTIONS = questionAnsweringFixture();

// Whatever a family calls its probabilities of dropout.
const DROPOUT = {
  hidden_dropout_prob: 0.2, attention_probs_dropout_prob: 0.3, classifier_dropout: 0.25,
  dropout: 0.2, attention_dropout: 0.3, seq_classif_dropout: 0.25, qa_dropout: 0.25,
  embd_pdrop: 0.2, attn_pdrop: 0.3, resid_pdrop: 0.25, dropout_rate: 0.2,
}; // prettier-ignore

/** The row of a matrix that gets no gradient; positions of RoBERTa's kin have one too. */
function paddingRowOf(model: Model, name: string): number | undefined {
  const hasPaddingPosition = ['roberta', 'xlm-roberta', 'mpnet'].includes(model.modelType);
  if (name === model.embeddingMatrixName || (hasPaddingPosition && name.endsWith('.position_embeddings.weight')))
    return model.padTokenId;
  return undefined;
}

/** `|slope - difference| / |difference|` along a random direction of all parameters, in float64 with dropout on. */
function directionalError(fixture: Fixture, one: Case, gradientCheckpointing: boolean): number {
  const graph = startGraph('float64', one.task);
  const { builder } = graph;
  const model = modelOf(one, DROPOUT);
  const specs = model.parameters(one.task, one.labelCount, fixture.vocabRows);
  const random = new SeededRandom(5, 'direction');
  const directions = specs.map(({ name, shape }) => {
    const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
    // A padding row's gradient is left out on purpose: do not move along it.
    const paddingRow = paddingRowOf(model, name);
    if (paddingRow !== undefined) values.fill(0, paddingRow * shape[1]!, (paddingRow + 1) * shape[1]!);
    return builder.constant(values, 'float64', shape);
  });
  const points = specs.map(({ name, shape }, index) => ({
    value: identity(builder, builder.constant(one.parameters[name]!.value, 'float64', shape)),
    direction: directions[index]!,
  }));
  const build = (values: readonly Tensor[]): Tensor => {
    const parameters = new Map(specs.map((spec, index) => [spec.name, values[index]!]));
    const options = { task: one.task, isTraining: true, gradientCheckpointing, ...paddingOf(model) };
    return lossOf(graph, model.forward(builder, graph.dimensions, parameters, graph.inputs, options), one.task);
  };
  const { error } = slopeError(builder, points, build);
  identity(builder, cast(builder, error, 'float32'), { name: 'error' });
  return withSession(builder, (session) =>
    Math.abs(session.run(feeds(fixture, one, [11, 12]), ['error'])[0]!.data[0]!),
  );
}

/**
 * The first classifier of each family, the classifier of tokens where there is one, and the head that finds answers of the
 * family that has a dropout of its own before it, and of the one that masks padding for it.
 */
const CASES = [
  ...[...FIXTURES].flatMap(([family, fixture]) =>
    fixture.cases
      .filter((one, index) => index === 0 || one.task === 'token-classification')
      .map((one) => [`${family}, ${one.task}`, fixture, one] as const),
  ),
  ...QUESTIONS.cases
    .filter(({ family }) => family === 'distilbert' || family === 'deberta-v2')
    .map((one) => [`${one.family}, ${one.task}`, QUESTIONS, one] as const),
];

for (const [family, fixture, one] of CASES) {
  for (const gradientCheckpointing of [false, true])
    test(`model.forward with dropout has the slope of central differences: ${family}${gradientCheckpointing ? ', recomputed' : ''}`, () => {
      // See slopeError.
      const error = directionalError(fixture, one, gradientCheckpointing);
      assert.ok(error < 1e-6, `relative error ${error}`);
    });

  test(`model.forward draws dropout from the fed seed: the same twice, another for another seed, none in evaluation: ${family}`, () => {
    const graph = startGraph('float32', one.task);
    const model = modelOf(one, DROPOUT);
    const weights = new Map(
      Object.entries(one.parameters).map(([name, { value, shape }]) => [
        name,
        graph.builder.constant(value, 'float32', shape),
      ]),
    );
    const forward = (name: string, isTraining: boolean, dropout?: number): void => {
      const options = { task: one.task, isTraining, ...(dropout === undefined ? {} : { dropout }) };
      const output = model.forward(graph.builder, graph.dimensions, weights, graph.inputs, options);
      identity(graph.builder, logitsOf(graph, output), { name });
    };
    forward('train', true);
    forward('evaluate', false);
    forward('overridden', true, 0);
    withSession(graph.builder, (session) => {
      const run = (fetch: string, seed: [number, number]): number[] =>
        Array.from(session.run(feeds(fixture, one, seed), [fetch])[0]!.data);
      assert.deepEqual(run('train', [1, 2]), run('train', [1, 2]));
      assert.notDeepEqual(run('train', [1, 2]), run('train', [1, 3]));
      assert.notDeepEqual(run('train', [1, 2]), run('train', [2, 2]));
      assert.ok(relativeDifference(run('evaluate', [1, 2]), one.logits) < 2e-5);
      assert.deepEqual(run('evaluate', [1, 2]), run('evaluate', [7, 9]));
      assert.ok(relativeDifference(run('overridden', [1, 2]), one.logits) < 2e-5);
    });
  });
}
