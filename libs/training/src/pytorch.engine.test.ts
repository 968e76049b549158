import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oracle, oracleRun, tinyModel, trainTiny, unpack, type OracleRun, type TinyResult } from '../test/tiny-runs.ts';

// PyTorch computed in float64, we compute in float32. Seen over all runs: losses within 2.8e-7 and norms within 2.2e-6 of
// the value, weights within 3.6e-7 (three units in the last place of 1).
const LOSS_TOLERANCE = 1e-6;
const NORM_TOLERANCE = 1e-5;
const WEIGHT_TOLERANCE = 1e-6;
// With few labels some gradients are small beside their own rounding, of which Adam makes steps as large as of any: seen 1.2e-6.
const FEW_LABELS_WEIGHT_TOLERANCE = 3e-6;

// What moves all places' scores as an answer's start, or end, alike: the head's bias, and the one that the head multiplies.
const SHIFTS_OF_ALL_PLACES = ['qa_outputs.bias', 'bert.encoder.layer.1.output.LayerNorm.bias'];

/**
 * Whether a parameter moves everything alike that one softmax is over, as a key's bias does with every score of a row: its
 * gradient is 0 but for rounding, which Adam makes steps of.
 */
function isIdle(run: OracleRun, name: string): boolean {
  return name.endsWith('self.key.bias') || (run.task === 'question-answering' && SHIFTS_OF_ALL_PLACES.includes(name));
}

function assertFollows(result: TinyResult, run: OracleRun): void {
  assert.equal(result.steps.length, run.log.length);
  result.steps.forEach((step, index) => {
    const expected = run.log[index]!;
    const where = `of step ${step.step}`;
    assert.ok(Math.abs(step.learningRate - expected.learningRate) <= 1e-15, `learning rate ${where}`);
    assert.ok(
      Math.abs(step.loss - expected.loss) <= LOSS_TOLERANCE * expected.loss,
      `loss ${where}: ${step.loss}, PyTorch ${expected.loss}`,
    );
    assert.ok(
      Math.abs(step.gradNorm - expected.gradNorm) <= NORM_TOLERANCE * expected.gradNorm,
      `norm ${where}: ${step.gradNorm}, PyTorch ${expected.gradNorm}`,
    );
  });
  const sumOfRates = run.log.reduce((sum, { learningRate }) => sum + learningRate, 0);
  for (const [name, expected] of unpack(run, run.final)) {
    const actual = result.weights.get(name)!;
    const worst = expected.reduce((max, value, i) => Math.max(max, Math.abs(actual[i]! - value)), 0);
    const weightTolerance = run.isMasked ? FEW_LABELS_WEIGHT_TOLERANCE : WEIGHT_TOLERANCE;
    const tolerance = isIdle(run, name) ? sumOfRates : weightTolerance;
    assert.ok(worst <= tolerance, `${name}: off by ${worst}`);
  }
}

for (const run of oracle.cases) {
  test(`train follows PyTorch's losses, gradient norms and weights for 12 steps: ${run.name}`, async () => {
    assertFollows(await trainTiny(run), run);
  });
}

for (const name of [
  'linear',
  'regression',
  'weight decay 0.01',
  'hard clipping',
  'Llama, causal language model',
  'Llama, causal language model, masked labels',
  'BERT, token classification',
]) {
  // 34 records in steps of 12: the last step of an epoch has ten rows, its last micro-batch fewer than the others.
  for (const [rows, accumulation] of [
    [3, 4],
    [4, 3],
    [1, 12],
  ] as const) {
    test(`train follows PyTorch's batches of 12 rows in ${accumulation} micro-batches of ${rows}: ${name}`, async () => {
      const run = oracleRun(name);
      const options = { perDeviceTrainBatchSize: rows, gradientAccumulationSteps: accumulation };
      assertFollows(await trainTiny(run, { options }), run);
    });
  }
}

test('model.parameters are those of transformers, and decay those that its Trainer decays', () => {
  for (const run of oracle.cases) {
    const ours = tinyModel(run)
      .parameters(run.task, run.options.numLabels, Number(run.config['vocab_size']))
      .map(({ name, shape, hasWeightDecay }) => ({ name, shape: [...shape], isDecayed: hasWeightDecay }));
    const byName = (a: { name: string }, b: { name: string }): number => a.name.localeCompare(b.name);
    assert.deepEqual(ours.sort(byName), run.parameters.toSorted(byName));
  }
});
