import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identity, type Tensor } from '@pemmican/graph';
import { familyFixtures, type Case, type Fixture } from '../test/fixtures.ts';
import { feeds, logitsOf, lossOf, modelOf, paddingOf, relativeDifference, startGraph, withSession } from '../test/model-graph.ts'; // prettier-ignore

// As in families.engine.test.ts.
const TOLERANCE = 2e-5;

/** The graph of an evaluation: nothing in it is kept for a backward pass, and weights are fed, so that nothing can be folded. */
function evaluate(fixture: Fixture, one: Case): { logits: ArrayLike<number>; loss: number } {
  const graph = startGraph('float32', one.task);
  const { builder } = graph;
  const model = modelOf(one);
  const parameters = model.parameters(one.task, one.labelCount, fixture.vocabRows);
  const weightFeeds: Record<string, { dtype: 'float32'; shape: readonly number[]; data: Float32Array }> = {};
  builder.withoutTape(() => {
    const weights = new Map<string, Tensor>();
    for (const { name, shape } of parameters) {
      weights.set(name, builder.placeholder(`weight/${name}`, 'float32', shape));
      weightFeeds[`weight/${name}`] = { dtype: 'float32', shape, data: Float32Array.from(one.parameters[name]!.value) };
    }
    const options = { task: one.task, isTraining: false, ...paddingOf(model) };
    const output = model.forward(builder, graph.dimensions, weights, graph.inputs, options);
    identity(builder, logitsOf(graph, output), { name: 'logits' });
    identity(builder, lossOf(graph, output, one.task), { name: 'loss' });
  });
  const fed = { ...feeds(fixture, one, [0, 0]), ...weightFeeds };
  return withSession(builder, (session) => {
    // One at a time: the loss alone leaves more for the engine to replace than with the logits.
    const [logits, loss] = ['logits', 'loss'].map((fetch) => session.run(fed, [fetch])[0]!.data);
    return { logits: logits!, loss: loss![0]! };
  });
}

for (const [family, fixture] of familyFixtures())
  for (const one of fixture.cases)
    test(`an evaluation has PyTorch's logits and loss: ${family}, ${one.name}`, () => {
      const { logits, loss } = evaluate(fixture, one);
      const difference = relativeDifference(logits, one.logits);
      assert.ok(difference < TOLERANCE, `logits differ by ${difference}`);
      assert.ok(Math.abs(loss - one.loss) < TOLERANCE * one.loss, `loss ${loss}, PyTorch ${one.loss}`);
    });
