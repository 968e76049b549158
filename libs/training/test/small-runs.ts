// Small models of random weights on random records, trained in one session or another.
import type { GraphSession } from '@pemmican/graph';
import { SeededRandom, freezeParameters, parseModel, withLora, type LoraOptions, type Model } from '@pemmican/models';
import {
  DEFAULT_TRAINING_OPTIONS,
  EncodedDatasetBuilder,
  NO_LABEL,
  QuestionWindowsBuilder,
  buildTrainingProgram,
  microBatchesPerStep,
  train,
  type EncodedDataset,
  type TrainingEvent,
  type TrainingOptions,
} from '../src/mod.ts';
import { NO_CHECKPOINTS } from './no-checkpoints.ts';
import { readVariables, weightsOf, writeVariables } from './variables.ts';

const VOCAB_SIZE = 120;
const LABEL_COUNT = 3;
const BATCH_SIZE = 4;
/** Six batches, and one of a single record. */
const RECORD_COUNT = 25;

/** What is trained. */
export interface SmallCase {
  readonly config: Record<string, unknown>;
  readonly options: Partial<TrainingOptions> & Pick<TrainingOptions, 'task'>;
  readonly freeze?: readonly string[];
  readonly lora?: LoraOptions;
}

/** What a run left behind. */
export interface SmallResult {
  /** Without times. */
  readonly events: readonly unknown[];
  /** Weights and moments by name. */
  readonly values: ReadonlyMap<string, Float32Array>;
}

/** A case with everything filled in. */
export interface SmallModel {
  readonly model: Model;
  readonly options: TrainingOptions;
  readonly labelCount: number;
  readonly vocabRows: number;
}

export function smallModel(one: SmallCase, changes: Partial<TrainingOptions>): SmallModel {
  const base = freezeParameters(parseModel({ ...one.config, vocab_size: VOCAB_SIZE }, 'config.json'), one.freeze ?? []);
  const options: TrainingOptions = {
    ...DEFAULT_TRAINING_OPTIONS, metricForBestModel: 'loss', numTrainEpochs: 2, perDeviceTrainBatchSize: BATCH_SIZE, learningRate: 1e-2, saveSteps: 1000,
    ...one.options, ...changes,
  }; // prettier-ignore
  const { task } = options;
  return {
    model: one.lora === undefined ? base : withLora(base, one.lora),
    options,
    labelCount: task === 'regression' ? 1 : task === 'question-answering' ? 2 : LABEL_COUNT,
    vocabRows: VOCAB_SIZE,
  };
}

/**
 * Trains for two epochs.
 * @param otherDevices see `ProgramOptions`
 */
export async function trainSmall(
  one: SmallCase,
  changes: Partial<TrainingOptions>,
  otherDevices: readonly string[],
  open: (savedModel: Uint8Array) => GraphSession,
): Promise<SmallResult> {
  const numDevices = 1 + otherDevices.length;
  const { model, options, labelCount, vocabRows } = smallModel(one, { ...changes, numDevices });
  const program = buildTrainingProgram(model, {
    ...options, labelCount, vocabRows, paddingIndex: 0, isAccumulating: microBatchesPerStep(options) > 1, otherDevices,
    hasWeightDecay: options.weightDecay > 0,
  }); // prettier-ignore
  const session = open(program.savedModel);
  try {
    const weights = weightsOf(program);
    writeVariables(session, weights, ({ name, shape }) => {
      const random = new SeededRandom(3, name);
      const count = shape.reduce((product, size) => product * size, 1);
      return Float32Array.from({ length: count }, () => 0.3 * random.normal());
    });
    const dataset = datasetOf(options.task);
    const events: unknown[] = [];
    for await (const event of train({
      session,
      program,
      options,
      labelCount,
      padId: 0,
      train: dataset,
      validation: dataset,
      checkpoints: NO_CHECKPOINTS,
      masking: {
        probability: 0.3,
        maskTokenId: 4,
        specialTokenIds: new Set([0]),
        replacementTokenIds: Uint32Array.of(7, 8, 9),
      },
      decoderStartTokenId: 0,
      weightsFile: { fileName: 'model.safetensors', tensors: [] },
      companions: [],
      fingerprint: {},
      resumeFrom: undefined,
      signal: new AbortController().signal,
      now: () => 0,
      breathe: () => Promise.resolve(),
    }))
      // prettier-ignore
      if (isOfResult(event)) events.push(event);
    const moments = program.trainedParameters.flatMap(({ spec: { name, shape }, moment1, moment2 }) => [
      { name: `moment1/${name}`, shape, port: moment1 },
      { name: `moment2/${name}`, shape, port: moment2 },
    ]);
    return { events, values: readVariables(session, [...weights, ...moments]) };
  } finally {
    session.dispose();
  }
}

function isOfResult({ type }: TrainingEvent): boolean {
  return type === 'step' || type === 'evaluation';
}

/** Records of 3 to 11 tokens with whatever the task predicts. */
function datasetOf(task: TrainingOptions['task']): EncodedDataset {
  const random = new SeededRandom(11, 'records');
  const [builder, targets] = [new EncodedDatasetBuilder(), new EncodedDatasetBuilder()];
  const windows = new QuestionWindowsBuilder({ allowsUnanswered: false, keepsPlaces: false });
  const tokenLabels: number[] = [];
  for (let record = 0; record < RECORD_COUNT; record++) {
    const ids = Array.from({ length: 3 + random.integer(9) }, () => 5 + random.integer(VOCAB_SIZE - 5));
    builder.add(ids, new Uint8Array(ids.length), task === 'regression' ? random.normal() : random.integer(LABEL_COUNT));
    targets.add(ids.slice(-1 - random.integer(3)), new Uint8Array(3), 0);
    ids.forEach((_, token) => tokenLabels.push(token % 3 === 2 ? NO_LABEL : random.integer(LABEL_COUNT)));
    windows.addQuestion('', []);
    windows.addWindow({ starts: new Int32Array(0), ends: new Int32Array(0) }, [1, 2]);
  }
  return {
    ...builder.build(),
    ...(task === 'token-classification' ? { tokenLabels: Int32Array.from(tokenLabels) } : {}),
    ...(task === 'question-answering' ? { questions: windows.build() } : {}),
    ...(task === 'seq2seq-lm' ? { targets: targets.build() } : {}),
  };
}
