import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { TensorflowSession } from '@pemmican/engine';
import type { TensorValue } from '@pemmican/graph';
import { isLanguageModeling, parseModel, resolveParameters, type Task } from '@pemmican/models';
import { Checkpoint } from '@pemmican/safetensors';
import { openFolder } from '@pemmican/storage';
import { CACHE_FOLDER } from '@pemmican/testkit';
import { loadVariables, loadWeights, type VariableSource } from './parameter-transfer.ts';
import { FEED, FETCH } from './program-feeds.ts';
import { buildTrainingProgram } from './training-program.ts';

/** Made by tools/oracles/src/training/real_weights.py: transformers 5.23 on PyTorch 2.15, float64, eager attention. */
interface Case {
  readonly model: string;
  readonly task: Task;
  readonly batch: number;
  readonly length: number;
  /** Head parameters, element i of each `0.05 cos(i)`. */
  readonly heads: Readonly<Record<string, number[]>>;
  readonly inputIds: number[];
  readonly attentionMask: number[];
  readonly labels: number[];
  readonly targetPositions?: number[];
  readonly logits?: number[];
  readonly loss: number;
  readonly gradientNorms: Readonly<Record<string, number>>;
}

const { cases } = JSON.parse(
  gunzipSync(readFileSync(path.join(import.meta.dirname, '../fixtures/real-weights.json.gz'))).toString(),
) as { cases: Case[] };

// What the set-up of the tests fetches: it has to be there.
const REQUIRED: readonly string[] = ['splade-tiny', 'SmolLM2-135M-Instruct'];

// We compute in float32. Seen: losses within 5.4e-7, logits within 1.8e-6, norms within 1.1e-5 of the value.
const LOSS_TOLERANCE = 3e-6;
const LOGIT_TOLERANCE = 1e-5;
const NORM_TOLERANCE = 5e-5;

async function compare(one: Case, folderName: string): Promise<void> {
  const folder = await openFolder(folderName);
  const config = JSON.parse(readFileSync(path.join(folderName, 'config.json'), 'utf8')) as unknown;
  const model = parseModel(config, 'config.json');
  const program = buildTrainingProgram(model, {
    task: one.task, labelCount: 2, vocabRows: model.vocabSize, paddingIndex: model.padTokenId, dropout: 0, gradientCheckpointing: false, bf16: false,
    isAccumulating: false, hasWeightDecay: false, maxGradNorm: 1, adamBeta1: 0.9, adamBeta2: 0.999, hasGradientNorms: true,
  }); // prettier-ignore
  const names = program.parameters.map(({ spec }) => spec.name);
  assert.deepEqual(names.toSorted(), Object.keys(one.gradientNorms).sort());
  const session = TensorflowSession.open(program.savedModel);
  const checkpoint = await Checkpoint.open(folder);
  try {
    const specs = program.parameters.map(({ spec }) => spec);
    await loadWeights(session, program.parameters, resolveParameters(model, checkpoint, specs), checkpoint, 0);
    const heads = program.parameters.flatMap(({ spec, weight }): VariableSource[] => {
      const shape = one.heads[spec.name];
      if (shape === undefined) return [];
      const width = shape.slice(1).reduce((product, size) => product * size, 1);
      const readRows: VariableSource['readRows'] = ({ firstRow, rowCount }) =>
        Promise.resolve(
          Float32Array.from({ length: rowCount * width }, (_, index) => 0.05 * Math.cos(firstRow * width + index)),
        );
      return [{ port: weight, shape, readRows }];
    });
    await loadVariables(session, heads);
    const norms = names.map((name) => FETCH.gradientNorm(name));
    const outputs = isLanguageModeling(one.task) ? [] : [FETCH.evaluationLogits];
    const values = session.run(feedsOf(one), [FETCH.evaluationLoss, ...outputs, ...norms]);
    const loss = values[0]!.data[0]!;
    assert.ok(Math.abs(loss - one.loss) < LOSS_TOLERANCE, `loss ${loss}, PyTorch ${one.loss}`);
    one.logits?.forEach((expected, index) => {
      assert.ok(Math.abs(values[1]!.data[index]! - expected) < LOGIT_TOLERANCE, `logit ${index}`);
    });
    const largest = Math.max(...Object.values(one.gradientNorms));
    names.forEach((name, index) => {
      const actual = values[1 + outputs.length + index]!.data[0]!;
      const expected = one.gradientNorms[name]!;
      // A key's bias has a gradient of rounding noise only, hence the absolute part.
      assert.ok(
        Math.abs(actual - expected) < NORM_TOLERANCE * expected + 1e-6 * largest,
        `${name}: ${actual}, PyTorch ${expected}`,
      );
    });
  } finally {
    session.dispose();
    await checkpoint.close();
  }
}

function feedsOf(one: Case): Record<string, TensorValue> {
  const shape = [one.batch, one.length];
  const items = [one.labels.length];
  return {
    [FEED.inputIds]: { dtype: 'int32', shape, data: Int32Array.from(one.inputIds) },
    [FEED.attentionMask]: { dtype: 'float32', shape, data: Float32Array.from(one.attentionMask) },
    [FEED.tokenTypeIds]: { dtype: 'int32', shape, data: new Int32Array(one.batch * one.length) },
    [FEED.labels]: { dtype: 'int32', shape: items, data: Int32Array.from(one.labels) },
    [FEED.dropoutSeed]: { dtype: 'int32', shape: [2], data: Int32Array.of(0, 0) },
    [FEED.lossWeight]: { dtype: 'float32', shape: [], data: Float32Array.of(1) },
    ...(one.targetPositions === undefined
      ? {}
      : { [FEED.targetPositions]: { dtype: 'int32', shape: items, data: Int32Array.from(one.targetPositions) } }),
  };
}

for (const one of cases) {
  const folder = path.join(CACHE_FOLDER, 'models', one.model);
  if (!REQUIRED.includes(one.model) && !existsSync(folder)) {
    console.log(
      `${one.model}: not fetched (node tools/setup/src/main.ts assets ${one.model}), so it is not tested here`,
    );
    continue;
  }
  test(`${one.model} has PyTorch's loss, logits and every gradient norm in ${one.task}`, async () => {
    await compare(one, folder);
  });
}
