import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { TensorflowSession } from '@pemmican/engine';
import { parseModel, readParameterRows, resolveParameters, type Model } from '@pemmican/models';
import { Checkpoint, SafetensorsFile, toFloat32 } from '@pemmican/safetensors';
import { openByteSource, openFolder } from '@pemmican/storage';
import { modelFolder } from '@pemmican/testkit';
import { TokenIdMap } from '@pemmican/vocabulary';
import { EncodedDatasetBuilder, type EncodedDataset } from './encoded-dataset.ts';
import { predictLogits } from './evaluation.ts';
import { DEFAULT_TRAINING_OPTIONS } from './options.ts';
import { clearMoments, loadVariables, type VariableSource } from './parameter-transfer.ts';
import { FEED, FETCH } from './program-feeds.ts';
import { buildTrainingProgram, type TrainingProgram } from './training-program.ts';
import { train, type TrainingEvent } from './trainer.ts';
import { makeTaskBatch } from './task-batch.ts';
import { NO_CHECKPOINTS } from '../test/no-checkpoints.ts';
import { readVariables, weightsOf } from '../test/variables.ts';

/**
 * What PyTorch 2.15 and transformers 5.23 computed (libs/training/fixtures/README.md says how): all-MiniLM-L6-v2 with a
 * two-class head on 1,000 sentences, 63 steps of AdamW with warm-up and clipping.
 */
interface Reference {
  readonly row_ids: number[][];
  readonly labels: number[];
  readonly log: { step: number; lr: number; loss: number; grad_norm: number; tokens: number; len: number }[];
  readonly step1: { loss: number; logits: number[][]; grad_l2: Record<string, number> };
  readonly param_digest: Record<string, [sum: number, l2: number]>;
  readonly rows_digest: {
    rows: [id: number, sum: number, l2: number, change: number, first: number, second: number][];
  };
  readonly used_ids: number;
}

const FIXTURES = path.resolve(import.meta.dirname, '../fixtures');
const reference = JSON.parse(
  gunzipSync(readFileSync(path.join(FIXTURES, 'minilm-sentiment.json.gz'))).toString(),
) as Reference;
const OPTIONS = {
  ...DEFAULT_TRAINING_OPTIONS,
  numTrainEpochs: 1,
  warmupRatio: 0.1,
  shuffle: false,
  dropout: 0,
  saveSteps: 1_000_000,
  evalSteps: 1_000_000,
};

interface Arm {
  readonly model: Model;
  readonly program: TrainingProgram;
  readonly session: TensorflowSession;
  readonly data: EncodedDataset;
  readonly map: TokenIdMap | undefined;
  losses: number[];
  norms: number[];
}

/** The reference run in our engine, with every row or with the kept ones. */
async function openArm(isReduced: boolean): Promise<Arm> {
  const folder = await openFolder(modelFolder('all-MiniLM-L6-v2'));
  const model = parseModel(JSON.parse(readFileSync(path.join(folder.name, 'config.json'), 'utf8')), 'config.json');
  // [PAD] [UNK] [CLS] [SEP] [MASK]
  const kept = Uint32Array.from(new Set([...reference.row_ids.flat(), 0, 100, 101, 102, 103])).sort();
  assert.equal(kept.length, reference.used_ids);
  const map = isReduced ? TokenIdMap.create(model.vocabSize, kept) : undefined;
  const builder = new EncodedDatasetBuilder();
  reference.row_ids.forEach((ids, index) => {
    const full = Uint32Array.from(ids);
    builder.add(map?.mapToReduced(full, 'error') ?? full, new Uint8Array(ids.length), reference.labels[index]!);
  });
  const vocabRows = map?.reducedVocabSize ?? model.vocabSize;
  const program = buildTrainingProgram(model, {
    task: 'sequence-classification', labelCount: 2, vocabRows, paddingIndex: 0, dropout: 0, gradientCheckpointing: false, bf16: false,
    isAccumulating: false, hasWeightDecay: false, maxGradNorm: 1, adamBeta1: 0.9, adamBeta2: 0.999, hasGradientNorms: true,
  }); // prettier-ignore
  const session = TensorflowSession.open(program.savedModel);
  const checkpoint = await Checkpoint.open(folder);
  const headSource = await openByteSource(path.join(FIXTURES, 'minilm-head.safetensors'));
  const head = await SafetensorsFile.open(headSource);
  const sources = resolveParameters(model, checkpoint, model.parameters('sequence-classification', 2, model.vocabSize));
  const loaded: VariableSource[] = [];
  for (const [index, parameter] of program.parameters.entries()) {
    const { name, shape } = parameter.spec;
    let values = name.startsWith('classifier.')
      ? toFloat32('F32', await head.read(name))
      : await readParameterRows(sources[index]!, checkpoint, 0, sources[index]!.spec.shape[0]!);
    const width = values.length / sources[index]!.spec.shape[0]!;
    if (parameter.spec.isEmbeddingMatrix === true && map !== undefined) {
      const full = values;
      values = new Float32Array(vocabRows * width);
      map.keptTokenIds.forEach((id, row) => values.set(full.subarray(id * width, (id + 1) * width), row * width));
    }
    loaded.push({
      port: parameter.weight,
      shape,
      readRows: ({ firstRow, rowCount }) =>
        Promise.resolve(values.slice(firstRow * width, (firstRow + rowCount) * width)),
    });
  }
  await loadVariables(session, loaded);
  await checkpoint.close();
  await headSource.close();
  return { model, program, session, data: builder.build(), map, losses: [], norms: [] };
}

async function trainArm(arm: Arm): Promise<void> {
  const events = train({
    session: arm.session, program: arm.program, options: OPTIONS, labelCount: 2, padId: 0, train: arm.data, validation: undefined, checkpoints: NO_CHECKPOINTS,
    weightsFile: { fileName: 'model.safetensors', tensors: [] }, companions: [], fingerprint: {}, resumeFrom: undefined, signal: new AbortController().signal, now: () => performance.now(), breathe: () => Promise.resolve(),
  }); // prettier-ignore
  const steps: Extract<TrainingEvent, { type: 'step' }>[] = [];
  for await (const event of events) if (event.type === 'step') steps.push(event);
  assert.equal(steps.length, reference.log.length);
  steps.forEach((step, index) => {
    const expected = reference.log[index]!;
    assert.ok(
      Math.abs(step.learningRate - expected.lr) <= 1e-9 * OPTIONS.learningRate + 1e-13,
      `learning rate of step ${step.step}`,
    );
    assert.equal(step.tokenCount, expected.tokens);
    assert.equal(step.longestRowTokens, expected.len);
    // float32 against float64 differs by 3.4e-7 in PyTorch itself; another float32 program should hold 1e-5 and 1e-4.
    assert.ok(
      Math.abs(step.loss - expected.loss) < 1e-5,
      `loss of step ${step.step}: ${step.loss}, PyTorch ${expected.loss}`,
    );
    assert.ok(
      Math.abs(step.gradNorm - expected.grad_norm) < 1e-4 * expected.grad_norm,
      `norm of step ${step.step}: ${step.gradNorm}, PyTorch ${expected.grad_norm}`,
    );
  });
  arm.losses = steps.map((step) => step.loss);
  arm.norms = steps.map((step) => step.gradNorm);
}

function readWhole(arm: Arm, name: string): Float32Array {
  const variable = weightsOf(arm.program).find((candidate) => candidate.name === name)!;
  return readVariables(arm.session, [variable]).get(name)!;
}

const l2 = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

let full: Arm;
let reduced: Arm;

test('the first step has the loss, logits and every gradient norm of PyTorch', async () => {
  full = await openArm(false);
  const records = Uint32Array.from({ length: 16 }, (_, index) => index);
  const options = { task: 'sequence-classification', padId: 0, seed: 0 } as const;
  const batch = makeTaskBatch(full.data, records, options, 'first');
  const names = full.program.parameters.map(({ spec }) => spec.name);
  const feeds = {
    ...batch.feeds,
    [FEED.dropoutSeed]: { dtype: 'int32', shape: [2], data: Int32Array.of(0, 0) },
    [FEED.lossWeight]: { dtype: 'float32', shape: [], data: Float32Array.of(1) },
  } as const;
  const norms = full.session.run(
    feeds,
    names.map((name) => FETCH.gradientNorm(name)),
  );
  names.forEach((name, index) => {
    const expected = reference.step1.grad_l2[name];
    assert.ok(expected !== undefined, `PyTorch has ${name}`);
    // 1e-4 relative as for the whole norm; key biases have a gradient of rounding noise only, hence the absolute part.
    assert.ok(
      Math.abs(norms[index]!.data[0]! - expected) < 1e-4 * expected + 1e-7,
      `${name}: ${norms[index]!.data[0]!}, PyTorch ${expected}`,
    );
  });
  const logits = [...predictLogits(full.session, { ...full.data, recordCount: 16 }, { batchSize: 16, padId: 0 })][0]!
    .logits;
  reference.step1.logits.flat().forEach((expected, index) => {
    assert.ok(Math.abs(logits[index]! - expected) < 1e-5);
  });
});

test('full fine-tuning follows the 63 losses and gradient norms of PyTorch', async () => {
  clearMoments(full.session, full.program.trainedParameters);
  await trainArm(full);
});

test('training with the kept rows follows them too and is bit-equal to full fine-tuning', async () => {
  reduced = await openArm(true);
  await trainArm(reduced);
  assert.deepEqual(reduced.losses, full.losses);
  assert.deepEqual(reduced.norms, full.norms);
});

test('trained parameters have the norms of PyTorch, and reduced rows are the full matrix rows bit by bit', () => {
  for (const [name, [, expected]] of Object.entries(reference.param_digest)) {
    // Adam turns rounding noise in a near-zero gradient into steps of the learning rate's size: 1e-5 relative to the norm.
    assert.ok(Math.abs(l2(readWhole(full, name)) - expected) < 1e-5 * expected + 1e-4, name);
  }
  const matrix = readWhole(full, full.model.embeddingMatrixName);
  const rows = readWhole(reduced, reduced.model.embeddingMatrixName);
  const width = full.model.hiddenSize;
  reduced.map!.keptTokenIds.forEach((id, row) => {
    const ours = rows.subarray(row * width, (row + 1) * width);
    assert.deepEqual(ours, matrix.subarray(id * width, (id + 1) * width), `row of id ${id}`);
    const [referenceId, , referenceL2] = reference.rows_digest.rows[row]!;
    assert.equal(referenceId, id);
    assert.ok(Math.abs(l2(ours) - referenceL2) < 1e-4, `norm of row ${id}`);
  });
  full.session.dispose();
  reduced.session.dispose();
});
