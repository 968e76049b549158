// The tiny models of tiny-runs.json.gz (tools/oracles/src/training/make_fixtures.py), run in our engine.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { TensorflowSession } from '@pemmican/engine';
import { freezeParameters, parseModel, type Model, type Task } from '@pemmican/models';
import { TokenIdMap } from '@pemmican/vocabulary';
import {
  DEFAULT_TRAINING_OPTIONS,
  EncodedDatasetBuilder,
  NO_LABEL,
  QuestionWindowsBuilder,
  WEIGHTS_FILE_NAME,
  buildTrainingProgram,
  train,
  type EncodedDataset,
  type QuestionWindows,
  type Schedule,
  type TrainingEvent,
  type TrainingOptions,
  type TrainingProgram,
  type TrainingRun,
} from '../src/mod.ts';
import { NO_CHECKPOINTS } from './no-checkpoints.ts';
import { readVariables, weightsOf, writeVariables } from './variables.ts';

/** One run of PyTorch. */
export interface OracleRun {
  readonly name: string;
  readonly task: Task;
  /** Key of the first values. */
  readonly initial: string;
  readonly options: {
    readonly numLabels: number;
    readonly schedule: Schedule;
    readonly warmupSteps: number;
    readonly schedulerTotalSteps?: number;
    readonly learningRate: number;
    readonly weightDecay: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly maxGradNorm: number;
  };
  /** Patterns of the parameters that do not require a gradient. */
  readonly frozen: readonly string[];
  /** Whether only some tokens of a record are predicted. */
  readonly isMasked: boolean;
  readonly config: Record<string, unknown>;
  readonly log: readonly { readonly learningRate: number; readonly loss: number; readonly gradNorm: number }[];
  readonly parameters: readonly { readonly name: string; readonly shape: number[]; readonly isDecayed: boolean }[];
  /** float32 in base64, all parameters one after another. */
  readonly final: string;
}

interface OracleDocument {
  readonly records: readonly {
    readonly ids: number[];
    readonly types: number[];
    readonly label: number;
    readonly value: number;
    readonly tokenLabels: number[];
    /** The tokens that an answer begins and ends with. */
    readonly span: [first: number, last: number];
  }[];
  readonly batchRows: number;
  readonly epochs: number;
  readonly initial: Readonly<Record<string, string>>;
  readonly cases: readonly OracleRun[];
}

export const oracle = JSON.parse(
  gunzipSync(readFileSync(path.join(import.meta.dirname, '../fixtures/tiny-runs.json.gz'))).toString(),
) as OracleDocument;

export function oracleRun(name: string): OracleRun {
  const found = oracle.cases.find((one) => one.name === name);
  if (found === undefined) throw new Error(`There is no run "${name}"`);
  return found;
}

/** The parameters of a run by name. */
export function unpack(run: OracleRun, base64: string): Map<string, Float32Array> {
  const bytes = Buffer.from(base64, 'base64');
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  let offset = 0;
  return new Map(
    run.parameters.map(({ name, shape }) => {
      const count = shape.reduce((product, size) => product * size, 1);
      return [name, values.subarray(offset, (offset += count))];
    }),
  );
}

export function initialValues(run: OracleRun): Map<string, Float32Array> {
  return unpack(run, oracle.initial[run.initial] ?? '');
}

/** The options that make our run the oracle's. */
export function optionsOf(run: OracleRun): TrainingOptions {
  const { options } = run;
  return {
    ...DEFAULT_TRAINING_OPTIONS,
    task: run.task,
    metricForBestModel: 'loss',
    numTrainEpochs: oracle.epochs,
    perDeviceTrainBatchSize: oracle.batchRows,
    learningRate: options.learningRate,
    lrSchedulerType: options.schedule,
    warmupSteps: options.warmupSteps,
    schedulerTotalSteps: options.schedulerTotalSteps ?? 0,
    weightDecay: options.weightDecay,
    adamBeta1: options.beta1,
    adamBeta2: options.beta2,
    adamEpsilon: options.epsilon,
    maxGradNorm: options.maxGradNorm,
    shuffle: false,
    dropout: 0,
    saveSteps: 1_000_000,
    evalSteps: 1_000_000,
  };
}

/** What a run of ours left behind. */
export interface TinyResult {
  readonly steps: readonly Extract<TrainingEvent, { type: 'step' }>[];
  readonly events: readonly TrainingEvent[];
  /** Trained parameters by name. */
  readonly weights: ReadonlyMap<string, Float32Array>;
}

export function tinyModel(run: OracleRun): Model {
  return freezeParameters(parseModel(run.config, 'config.json'), run.frozen);
}

/** The oracle's records, in the id space of the matrix that is trained. */
export function tinyDataset(run: OracleRun, map?: TokenIdMap): EncodedDataset {
  const builder = new EncodedDatasetBuilder();
  for (const { ids, types, label, value } of oracle.records) {
    const full = Uint32Array.from(ids);
    const own = run.options.numLabels === 1 ? value : label % run.options.numLabels;
    builder.add(map?.mapToReduced(full, 'error') ?? full, Uint8Array.from(types), own);
  }
  const dataset = builder.build();
  if (run.isMasked) {
    const labels = oracle.records.flatMap(({ ids, tokenLabels }) =>
      ids.map((id, token) => (tokenLabels[token] === NO_LABEL ? NO_LABEL : id)),
    );
    return { ...dataset, tokenLabels: Int32Array.from(labels) };
  }
  if (run.task === 'question-answering') return { ...dataset, questions: tinyQuestions() };
  if (run.task !== 'token-classification') return dataset;
  return { ...dataset, tokenLabels: Int32Array.from(oracle.records.flatMap(({ tokenLabels }) => tokenLabels)) };
}

/** Every record as the one window of a question; only what is trained on. */
function tinyQuestions(): QuestionWindows {
  const windows = new QuestionWindowsBuilder({ allowsUnanswered: false, keepsPlaces: false });
  for (const { span } of oracle.records) {
    windows.addQuestion('', []);
    windows.addWindow({ starts: new Int32Array(0), ends: new Int32Array(0) }, span);
  }
  return windows.build();
}

/** A map that keeps the ids which the records use. */
export function tinyMap(run: OracleRun): TokenIdMap {
  const used = Uint32Array.from(new Set([0, ...oracle.records.flatMap(({ ids }) => ids)])).sort();
  return TokenIdMap.create(tinyModel(run).vocabSize, used);
}

export interface TinyChanges {
  readonly options?: Partial<TrainingOptions>;
  readonly map?: TokenIdMap;
  readonly run?: Partial<TrainingRun>;
  /** Stops reading events, as a killed process would, when it says true. */
  readonly stopAfter?: (event: TrainingEvent) => boolean;
}

/** Trains the oracle's model with the oracle's options, or with changes. */
export async function trainTiny(oracleCase: OracleRun, changes: TinyChanges = {}): Promise<TinyResult> {
  const options = { ...optionsOf(oracleCase), ...changes.options };
  const model = tinyModel(oracleCase);
  const { map } = changes;
  const program = buildTrainingProgram(model, {
    task: options.task,
    labelCount: oracleCase.options.numLabels,
    vocabRows: map?.reducedVocabSize ?? model.vocabSize,
    paddingIndex: 0,
    dropout: options.dropout,
    gradientCheckpointing: options.gradientCheckpointing,
    bf16: options.bf16,
    isAccumulating: options.gradientAccumulationSteps > 1,
    hasWeightDecay: options.weightDecay > 0,
    maxGradNorm: options.maxGradNorm,
    adamBeta1: options.adamBeta1,
    adamBeta2: options.adamBeta2,
  });
  const session = TensorflowSession.open(program.savedModel);
  try {
    writeValues(session, program, initialValues(oracleCase), map);
    const events: TrainingEvent[] = [];
    for await (const event of train({
      session,
      program,
      options,
      labelCount: oracleCase.options.numLabels,
      padId: 0,
      train: tinyDataset(oracleCase, map),
      validation: undefined,
      checkpoints: NO_CHECKPOINTS,
      weightsFile: {
        fileName: WEIGHTS_FILE_NAME,
        tensors: program.parameters.map((parameter) => ({ name: parameter.spec.name, parameter })),
      },
      companions: [],
      fingerprint: {},
      resumeFrom: undefined,
      signal: new AbortController().signal,
      now: () => performance.now(),
      breathe: () => Promise.resolve(),
      ...changes.run,
    })) {
      events.push(event);
      if (changes.stopAfter?.(event) === true) break;
    }
    const steps = events.filter((event) => event.type === 'step');
    return { steps, events, weights: readVariables(session, weightsOf(program)) };
  } finally {
    session.dispose();
  }
}

function writeValues(
  session: TensorflowSession,
  program: TrainingProgram,
  values: ReadonlyMap<string, Float32Array>,
  map: TokenIdMap | undefined,
): void {
  const matrices = new Set(
    program.parameters.flatMap(({ spec }) => (spec.isEmbeddingMatrix === true ? [spec.name] : [])),
  );
  writeVariables(session, weightsOf(program), ({ name, shape }) => {
    const full = values.get(name);
    if (full === undefined) throw new Error(`The oracle has no ${name}`);
    return matrices.has(name) && map !== undefined ? keptRows(full, map, shape[1] ?? 0) : full.slice();
  });
}

/** The rows of a full matrix that a map keeps. */
export function keptRows(full: Float32Array, map: TokenIdMap, width: number): Float32Array {
  const rows = new Float32Array(map.reducedVocabSize * width);
  map.keptTokenIds.forEach((id, row) => {
    rows.set(full.subarray(id * width, (id + 1) * width), row * width);
  });
  return rows;
}
