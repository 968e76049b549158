import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TensorflowSession } from '@pemmican/engine';
import { SeededRandom, parseModel } from '@pemmican/models';
import { TokenIdMap, replacementTokenIds } from '@pemmican/vocabulary';
import { EncodedDatasetBuilder, type EncodedDataset } from './encoded-dataset.ts';
import { DEFAULT_TRAINING_OPTIONS, type TrainingOptions } from './options.ts';
import { loadVariables, type VariableSource } from './parameter-transfer.ts';
import { train, type TrainingEvent } from './trainer.ts';
import { buildTrainingProgram } from './training-program.ts';
import { NO_CHECKPOINTS } from '../test/no-checkpoints.ts';
import { readVariables, weightsOf } from '../test/variables.ts';

// Language models whose output matrix is not tied, with every row of the embedding matrix and with the kept ones; the output
// matrix has all its rows in both.

const VOCAB_SIZE = 2000;
const STEP_COUNT = 6;
const SPECIAL = { pad: 0, mask: 4 };
const COMMON = {
  hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 48, max_position_embeddings: 32, vocab_size: VOCAB_SIZE, pad_token_id: 0,
  tie_word_embeddings: false,
}; // prettier-ignore
const CASES = {
  'causal-lm': { ...COMMON, model_type: 'llama', num_key_value_heads: 2, rms_norm_eps: 1e-5 },
  'masked-lm': {
    ...COMMON, model_type: 'bert', type_vocab_size: 2, layer_norm_eps: 1e-12, hidden_act: 'gelu', hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1,
  },
  'seq2seq-lm': {
    model_type: 'mt5', d_model: 32, d_kv: 8, d_ff: 48, num_layers: 2, num_heads: 4, vocab_size: VOCAB_SIZE, pad_token_id: 0, decoder_start_token_id: 0,
    tie_word_embeddings: false, dropout_rate: 0.1,
  },
} as const; // prettier-ignore

/** Records of some 60 tokens out of 2,000. */
const RECORDS = Array.from({ length: 24 }, (_, record) =>
  Array.from({ length: 5 + (record % 9) }, (_, index) => 5 + 31 * ((record * 7 + index * index * 3) % 60)),
);

/** Targets are the ends of the records, which only a sequence-to-sequence task reads. */
function datasetOf(map: TokenIdMap | undefined): EncodedDataset {
  const [builder, targets] = [new EncodedDatasetBuilder(), new EncodedDatasetBuilder()];
  for (const ids of RECORDS)
    for (const [target, part] of [
      [builder, ids],
      [targets, ids.slice(-4)],
    ] as const) {
      const full = Uint32Array.from(part);
      target.add(map?.mapToReduced(full, 'error') ?? full, new Uint8Array(part.length), 0);
    }
  return { ...builder.build(), targets: targets.build() };
}

interface Arm {
  readonly losses: readonly number[];
  readonly norms: readonly number[];
  readonly evaluationLosses: readonly number[];
  readonly weights: ReadonlyMap<string, Float32Array>;
}

async function trainArm(task: keyof typeof CASES, map: TokenIdMap | undefined): Promise<Arm> {
  const model = parseModel(CASES[task], 'config.json');
  const options: TrainingOptions = {
    ...DEFAULT_TRAINING_OPTIONS, task, metricForBestModel: 'loss', maxSteps: STEP_COUNT, perDeviceTrainBatchSize: 8, learningRate: 1e-2, saveSteps: 1000,
  }; // prettier-ignore
  const program = buildTrainingProgram(model, {
    task, labelCount: 2, vocabRows: map?.reducedVocabSize ?? VOCAB_SIZE, outputRows: VOCAB_SIZE, paddingIndex: 0, dropout: undefined,
    gradientCheckpointing: false, bf16: false, isAccumulating: false, hasWeightDecay: false, maxGradNorm: 1, adamBeta1: 0.9, adamBeta2: 0.999,
  }); // prettier-ignore
  const session = TensorflowSession.open(program.savedModel);
  try {
    const sources = program.parameters.map(({ spec, weight }): VariableSource => {
      const isReduced = spec.isEmbeddingMatrix === true && map !== undefined;
      const rowCount = isReduced ? VOCAB_SIZE : spec.shape[0]!;
      const width = spec.shape.slice(1).reduce((product, size) => product * size, 1);
      const random = new SeededRandom(3, spec.name);
      const full = Float32Array.from({ length: rowCount * width }, () => 0.3 * random.normal());
      const fullRowOf = (row: number): number => (isReduced ? map.toFullId(row) : row);
      const readRows: VariableSource['readRows'] = async ({ firstRow, rowCount: count }) => {
        const values = new Float32Array(count * width);
        for (let row = 0; row < count; row++) {
          const from = fullRowOf(firstRow + row) * width;
          values.set(full.subarray(from, from + width), row * width);
        }
        return Promise.resolve(values);
      };
      return { port: weight, shape: spec.shape, readRows };
    });
    await loadVariables(session, sources);
    const ownId = (id: number): number => map?.toReducedId(id) ?? id;
    const dataset = datasetOf(map);
    const events = train({
      session, program, options, labelCount: 2, padId: ownId(SPECIAL.pad), train: dataset, validation: dataset, checkpoints: NO_CHECKPOINTS,
      masking:
        task === 'masked-lm'
          ? {
              probability: 0.3,
              maskTokenId: ownId(SPECIAL.mask),
              specialTokenIds: new Set([ownId(SPECIAL.pad)]),
              replacementTokenIds: replacementTokenIds(VOCAB_SIZE, options.seed).map(ownId),
            }
          : undefined,
      decoderStartTokenId: ownId(SPECIAL.pad),
      outputRowOf: map?.keptTokenIds,
      weightsFile: { fileName: 'model.safetensors', tensors: [] }, companions: [], fingerprint: {}, resumeFrom: undefined, signal: new AbortController().signal,
      now: () => performance.now(), breathe: () => Promise.resolve(),
    }); // prettier-ignore
    const seen: TrainingEvent[] = [];
    for await (const event of events) seen.push(event);
    const steps = seen.filter((event) => event.type === 'step');
    return {
      losses: steps.map(({ loss }) => loss),
      norms: steps.map(({ gradNorm }) => gradNorm),
      evaluationLosses: seen.flatMap((event) =>
        event.type === 'evaluation' ? [event.evaluation.result.metrics.loss] : [],
      ),
      weights: readVariables(session, weightsOf(program)),
    };
  } finally {
    session.dispose();
  }
}

for (const task of ['causal-lm', 'masked-lm', 'seq2seq-lm'] as const)
  test(`training with the kept rows of the embedding matrix and the whole output matrix is bit-equal to full training: ${task}, untied`, async () => {
    const model = parseModel(CASES[task], 'config.json');
    const used = [...Object.values(SPECIAL), ...RECORDS.flat()];
    const kept = new Set([...used, ...(task === 'masked-lm' ? replacementTokenIds(VOCAB_SIZE, 42) : [])]);
    const map = TokenIdMap.create(VOCAB_SIZE, Uint32Array.from(kept).sort());
    assert.ok(map.reducedVocabSize < VOCAB_SIZE / 10, String(map.reducedVocabSize));
    const full = await trainArm(task, undefined);
    const reduced = await trainArm(task, map);
    assert.equal(full.losses.length, STEP_COUNT);
    // The first loss is about that of a guess among all tokens, not among the kept ones: ln 2000 is 7.6, ln 150 is 5.
    assert.ok(full.losses[0]! > 6.5, String(full.losses[0]));
    assert.ok(full.losses.at(-1)! < full.losses[0]!);
    assert.deepEqual(reduced.losses, full.losses);
    assert.deepEqual(reduced.norms, full.norms);
    assert.deepEqual(reduced.evaluationLosses, full.evaluationLosses);
    for (const [name, values] of full.weights) {
      const other = reduced.weights.get(name)!;
      if (name !== model.embeddingMatrixName) {
        assert.deepEqual(other, values, name);
        continue;
      }
      const width = model.hiddenSize;
      map.keptTokenIds.forEach((id, row) => {
        const ours = other.subarray(row * width, (row + 1) * width);
        assert.deepEqual(ours, values.subarray(id * width, (id + 1) * width), `row of id ${id}`);
      });
    }
    // All rows of the output matrix learn, those of tokens that are nowhere in the data too.
    const outputName = model.outputMatrixName(task)!;
    assert.equal(reduced.weights.get(outputName)!.length, VOCAB_SIZE * model.hiddenSize);
  });
