import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TensorflowSession } from '@pemmican/engine';
import {
  GraphBuilder,
  encodeSavedModel,
  identity,
  variable,
  variablePort,
  type GraphNode,
  type RowGradient,
} from '@pemmican/graph';
import { parseModel } from '@pemmican/models';
import { applyAdamWInBlocks, isUpdatedInBlocks } from './adamw-blocks.ts';
import {
  adamWFeeds,
  adamWScalars,
  applyAdamW,
  optimizedVariable,
  type OptimizedVariable,
  type UpdateOptions,
} from './adamw.ts';
import { buildTrainingProgram } from './training-program.ts';
import { readVariables, writeVariables } from '../test/variables.ts';

// Rows of three blocks and a part of one, and of a width that a processor's vectors do not divide.
const [ROW_COUNT, HIDDEN_SIZE] = [36_001, 250];
const IDS = Int32Array.of(0, 4193, 4194, 8387, 8388, 20_000, 36_000);
const STEP_COUNT = 3;
const BETAS = { beta1: 0.9, beta2: 0.999 };

/** Numbers from -1 to 1 that are the same each time. */
function numbers(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

type Update = (builder: GraphBuilder, target: OptimizedVariable, gradient: RowGradient) => GraphNode;

/** Weight and moments after some steps. */
function trainedBy(update: Update): Map<string, Float32Array> {
  const builder = new GraphBuilder();
  const weight = variable(builder, 'weights/matrix', [ROW_COUNT, HIDDEN_SIZE]);
  const target = optimizedVariable(builder, 'matrix', weight, true);
  const gradient: RowGradient = {
    kind: 'rows',
    ids: builder.placeholder('ids', 'int32', [IDS.length]),
    values: builder.placeholder('values', 'float32', [IDS.length, HIDDEN_SIZE]),
    rowCount: ROW_COUNT,
  };
  const done = update(builder, target, gradient);
  identity(builder, builder.constant(1), { name: 'done', controlInputs: [done] });
  const variables = Object.entries({ weight, moment1: target.moment1, moment2: target.moment2 }).map(([name, one]) => ({
    name,
    shape: one.shape,
    port: variablePort(builder, one),
  }));
  const session = TensorflowSession.open(encodeSavedModel(builder, builder.constant(1)));
  try {
    writeVariables(session, variables, ({ name }) =>
      name === 'weight' ? numbers(ROW_COUNT * HIDDEN_SIZE, 5) : new Float32Array(ROW_COUNT * HIDDEN_SIZE),
    );
    for (let step = 1; step <= STEP_COUNT; step++) {
      const scalars = adamWScalars({ learningRate: 0.01, weightDecay: 0.1, ...BETAS, epsilon: 1e-8 }, step);
      const scalar = (value: number) => ({ dtype: 'float32', shape: [], data: Float32Array.of(value) }) as const;
      session.run(
        {
          ids: { dtype: 'int32', shape: [IDS.length], data: IDS },
          values: { dtype: 'float32', shape: [IDS.length, HIDDEN_SIZE], data: numbers(IDS.length * HIDDEN_SIZE, step) },
          'feed/correctedLearningRate': scalar(scalars.correctedLearningRate),
          'feed/correctedEpsilon': scalar(scalars.correctedEpsilon),
          'feed/decayFactor': scalar(scalars.decayFactor),
        },
        ['done'],
      );
    }
    return readVariables(session, variables);
  } finally {
    session.dispose();
  }
}

test('matrices of 128 MiB and more are updated in blocks', () => {
  const isInBlocks = (...shape: number[]): boolean => isUpdatedInBlocks({ weight: { shape } });
  assert.deepEqual([isInBlocks(250_037, 384), isInBlocks(30_522, 768), isInBlocks(2 ** 25)], [true, false, false]);
});

test('a matrix that is updated in blocks has no dense gradient in its bytes, one that is accumulated has', () => {
  const bytesOf = (rowCount: number, isAccumulating: boolean): number => {
    const config = {
      model_type: 'bert', vocab_size: rowCount, hidden_size: 384, num_hidden_layers: 1, num_attention_heads: 12, intermediate_size: 384,
      max_position_embeddings: 16, type_vocab_size: 2,
    }; // prettier-ignore
    const program = buildTrainingProgram(parseModel(config, 'config.json'), {
      task: 'sequence-classification', labelCount: 2, vocabRows: rowCount, paddingIndex: 0, dropout: 0, gradientCheckpointing: false, bf16: false,
      isAccumulating, hasWeightDecay: false, maxGradNorm: 1, adamBeta1: 0.9, adamBeta2: 0.999,
    }); // prettier-ignore
    return program.embeddingTrainingBytes / (384 * rowCount);
  };
  assert.deepEqual([bytesOf(250_037, false), bytesOf(250_037, true), bytesOf(4744, false)], [12, 16, 16]);
});

test('an update block by block has the bits of an update of the whole matrix, decay and rows without a gradient included', () => {
  const optionsOf = (builder: GraphBuilder): UpdateOptions => ({
    factor: builder.constant(0.7),
    feeds: adamWFeeds(builder),
    betas: BETAS,
    isDecaying: true,
  });
  const whole = trainedBy(
    (builder, target, gradient) => applyAdamW(builder, target, gradient, optionsOf(builder)).update,
  );
  const inBlocks = trainedBy(
    (builder, target, gradient) => applyAdamWInBlocks(builder, target, gradient, optionsOf(builder)).update,
  );
  const before = numbers(ROW_COUNT * HIDDEN_SIZE, 5);
  assert.ok(
    before.every((value, index) => value !== inBlocks.get('weight')![index]),
    'every value decays',
  );
  for (const id of IDS) assert.notEqual(inBlocks.get('moment1')![id * HIDDEN_SIZE], 0, `row ${id} has a moment`);
  for (const [name, values] of whole) {
    const own = inBlocks.get(name)!;
    const at = values.findIndex((value, index) => value !== own[index]);
    assert.equal(at, -1, `${name}[${at}] is ${own[at]}, and ${values[at]} in the whole`);
  }
});
