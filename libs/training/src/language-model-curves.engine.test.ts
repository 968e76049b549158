import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { TensorflowSession } from '@pemmican/engine';
import type { TensorValue } from '@pemmican/graph';
import { parseModel, readParameterRows, resolveParameters, type Task } from '@pemmican/models';
import { Checkpoint } from '@pemmican/safetensors';
import { openFolder } from '@pemmican/storage';
import { modelFolder } from '@pemmican/testkit';
import { TokenIdMap } from '@pemmican/vocabulary';
import { adamWScalars } from './adamw.ts';
import { clearMoments, loadVariables, type VariableSource } from './parameter-transfer.ts';
import { FEED, FETCH } from './program-feeds.ts';
import { scalar } from './run-micro-batches.ts';
import { buildTrainingProgram } from './training-program.ts';
import { keptRows } from '../test/tiny-runs.ts';

/**
 * Made by tools/oracles/src/training/language_model_curves.py: real models fine-tuned by transformers 5.23 on PyTorch 2.15 in
 * float64, with the whole vocabulary and with the used ids alone in input and output, as the reference PEMA does it.
 */
interface Curves {
  readonly model: string;
  readonly task: Task;
  readonly keptTokenIds: number[];
  readonly batches: readonly {
    readonly shape: [rows: number, length: number];
    readonly inputIds: number[];
    readonly attentionMask: number[];
    readonly targetPositions: number[];
    readonly labels: number[];
  }[];
  readonly arms: Readonly<Record<'full' | 'restricted', readonly Step[]>>;
}

interface Step {
  readonly learningRate: number;
  readonly loss: number;
  readonly gradNorm: number;
}

const { cases } = JSON.parse(
  gunzipSync(readFileSync(path.join(import.meta.dirname, '../fixtures/language-model-curves.json.gz'))).toString(),
) as { cases: Curves[] };

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
// We compute in float32. Seen: losses within 1.3e-6, norms within 1e-6 of the value; a float32 PyTorch itself is further off.
const LOSS_TOLERANCE = 5e-6;
const RELATIVE_NORM_TOLERANCE = 5e-6;

async function train(
  { model: name, task, batches, keptTokenIds, arms }: Curves,
  arm: 'full' | 'restricted',
): Promise<Step[]> {
  const folder = modelFolder(name);
  const model = parseModel(
    JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')) as unknown,
    'config.json',
  );
  const kept = Uint32Array.from(
    arm === 'full' ? { length: model.vocabSize } : keptTokenIds,
    arm === 'full' ? (_, id) => id : Number,
  );
  const map = TokenIdMap.create(model.vocabSize, kept);
  const program = buildTrainingProgram(model, {
    task, labelCount: 2, vocabRows: kept.length, paddingIndex: undefined, dropout: 0, gradientCheckpointing: false, bf16: false,
    isAccumulating: false, hasWeightDecay: false, maxGradNorm: 1, adamBeta1: ADAM.beta1, adamBeta2: ADAM.beta2,
  }); // prettier-ignore
  const checkpoint = await Checkpoint.open(await openFolder(folder));
  const session = TensorflowSession.open(program.savedModel);
  try {
    const sources = resolveParameters(model, checkpoint, model.parameters(task, 2, model.vocabSize));
    const variables: VariableSource[] = [];
    for (const { spec, weight } of program.parameters) {
      const source = sources.find((candidate) => candidate.spec.name === spec.name)!;
      const fullRows = source.spec.shape[0]!;
      const width = spec.shape[1] ?? 1;
      // Other than whole: the embedding matrix, and the bias of an output matrix that is tied to it.
      const values =
        fullRows === spec.shape[0]
          ? undefined
          : keptRows(await readParameterRows(source, checkpoint, 0, fullRows), map, width);
      variables.push({
        port: weight,
        shape: spec.shape,
        readRows: ({ firstRow, rowCount }) =>
          values === undefined
            ? readParameterRows(source, checkpoint, firstRow, rowCount)
            : Promise.resolve(values.slice(firstRow * width, (firstRow + rowCount) * width)),
      });
    }
    await loadVariables(session, variables);
    clearMoments(session, program.trainedParameters);
    const rowOf = (ids: readonly number[]): Int32Array =>
      Int32Array.from(map.mapToReduced(Uint32Array.from(ids), 'error'));
    const int32 = (shape: number[], data: Int32Array): TensorValue => ({ dtype: 'int32', shape, data });
    return batches.map((batch, index) => {
      const { learningRate } = arms[arm][index]!;
      const scalars = adamWScalars({ ...ADAM, learningRate }, index + 1);
      const feeds = {
        [FEED.inputIds]: int32(batch.shape, rowOf(batch.inputIds)),
        [FEED.attentionMask]: {
          dtype: 'float32' as const,
          shape: batch.shape,
          data: Float32Array.from(batch.attentionMask),
        },
        [FEED.tokenTypeIds]: int32(batch.shape, new Int32Array(batch.inputIds.length)),
        [FEED.targetPositions]: int32([batch.labels.length], Int32Array.from(batch.targetPositions)),
        [FEED.labels]: int32([batch.labels.length], rowOf(batch.labels)),
        [FEED.dropoutSeed]: int32([2], new Int32Array(2)),
        [FEED.lossWeight]: scalar(1),
        [FEED.correctedLearningRate]: scalar(scalars.correctedLearningRate),
        [FEED.correctedEpsilon]: scalar(scalars.correctedEpsilon),
      };
      const [loss, gradNorm] = session.run(feeds, [FETCH.trainLoss, FETCH.trainNorm]).map(({ data }) => data[0]!);
      return { learningRate, loss: loss!, gradNorm: gradNorm! };
    });
  } finally {
    session.dispose();
    await checkpoint.close();
  }
}

for (const curves of cases)
  for (const arm of ['full', 'restricted'] as const)
    test(`${curves.model}, ${curves.task}, ${arm} vocabulary: every step has PyTorch's loss and gradient norm`, async () => {
      const steps = await train(curves, arm);
      steps.forEach(({ loss, gradNorm }, index) => {
        const expected = curves.arms[arm][index]!;
        assert.ok(
          Math.abs(loss - expected.loss) < LOSS_TOLERANCE,
          `step ${index + 1}: loss ${loss}, PyTorch ${expected.loss}`,
        );
        assert.ok(
          Math.abs(gradNorm / expected.gradNorm - 1) < RELATIVE_NORM_TOLERANCE,
          `step ${index + 1}: gradient norm ${gradNorm}, PyTorch ${expected.gradNorm}`,
        );
      });
    });
