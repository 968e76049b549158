/**
 * Makes a few training steps of a model of a given shape, for the memory plan's test: `node live-memory-child.ts JSON`.
 * TensorFlow's memory log goes to stderr, one line of JSON to stdout.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { TensorflowSession } from '@pemmican/engine';
import type { TensorValue } from '@pemmican/graph';
import {
  freezeParameters,
  hasTargetSequence,
  hasTokenTargets,
  isLanguageModeling,
  parseModel,
  withLora,
  type LoraOptions,
} from '@pemmican/models';
import { FEED, FETCH, buildTrainingProgram, targetCountOf, type ProgramOptions } from '../src/mod.ts';
import { towerPrefix } from '../src/program-feeds.ts';
import { VirtualDeviceSession } from './virtual-devices.ts';

/** What the child is given. */
export interface LiveMemoryRequest {
  readonly config: Record<string, unknown>;
  readonly options: ProgramOptions;
  /** Patterns of frozen parameters. */
  readonly freeze?: readonly string[];
  readonly lora?: LoraOptions;
  readonly batchSize: number;
  readonly length: number;
  /** Of sequence-to-sequence tasks. */
  readonly targetLength?: number;
  readonly stepCount: number;
  /** Evaluate the batch in place of training on it. */
  readonly isEvaluation?: boolean;
  /** Where to write which device ran what, with {@link ProgramOptions.otherDevices}: `[device, node names][]`. */
  readonly devicesFile?: string;
}

const request = JSON.parse(process.argv[2] ?? '') as LiveMemoryRequest;
const { batchSize, length, targetLength, options } = request;
const base = freezeParameters(parseModel(request.config, 'config.json'), request.freeze ?? []);
const model = request.lora === undefined ? base : withLora(base, request.lora);
const program = buildTrainingProgram(model, options);
const virtualDevices = options.otherDevices === undefined ? undefined : new VirtualDeviceSession(program.savedModel, 2);
if (virtualDevices !== undefined) virtualDevices.isTracing = true;
const session = virtualDevices ?? TensorflowSession.open(program.savedModel);
const ports = [
  ...program.parameters.map(({ weight }) => weight),
  ...program.trainedParameters.flatMap(({ moment1, moment2 }) => [moment1, moment2]),
];
session.run(
  {},
  [...ports, ...program.accumulators].map(({ zeroFetch }) => zeroFetch),
);
process.stderr.write('STEPS BEGIN\n');
const scalar = (value: number): TensorValue => ({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
const int32 = (shape: number[], data: Int32Array): TensorValue => ({ dtype: 'int32', shape, data });
const shape = [batchSize, length];
const targetCount = targetCountOf(options.task, batchSize, length, undefined, targetLength);
// A start and an end for each row.
const labelCount = options.task === 'question-answering' ? 2 * batchSize : targetCount;
const labels: TensorValue =
  options.task === 'regression'
    ? { dtype: 'float32', shape: [batchSize], data: new Float32Array(batchSize) }
    : int32([labelCount], new Int32Array(labelCount));
const batch = {
  // Distinct ids as far as there are rows: the gradient of the embedding then has as many rows as it can.
  [FEED.inputIds]: int32(
    shape,
    Int32Array.from({ length: batchSize * length }, (_, index) => index % options.vocabRows),
  ),
  [FEED.attentionMask]: { dtype: 'float32', shape, data: new Float32Array(batchSize * length).fill(1) },
  [FEED.tokenTypeIds]: int32(shape, new Int32Array(batchSize * length)),
  [FEED.labels]: labels,
  [FEED.dropoutSeed]: int32([2], Int32Array.of(1, 2)),
  [FEED.lossWeight]: scalar(1),
  ...(hasTokenTargets(options.task)
    ? {
        [FEED.targetPositions]: int32(
          [targetCount],
          Int32Array.from({ length: targetCount }, (_, index) => index),
        ),
      }
    : {}),
  ...(hasTargetSequence(options.task) && targetLength !== undefined
    ? {
        // Other rows than those of sources, as far as there are rows.
        [FEED.decoderInputIds]: int32(
          [batchSize, targetLength],
          Int32Array.from(
            { length: batchSize * targetLength },
            (_, index) => (batchSize * length + index) % options.vocabRows,
          ),
        ),
      }
    : {}),
} as const;
const optimizer = {
  [FEED.correctedLearningRate]: scalar(1e-5),
  [FEED.correctedEpsilon]: scalar(1e-8),
  ...(options.hasWeightDecay ? { [FEED.decayFactor]: scalar(0.999) } : {}),
};
// Every tower takes the same batch.
const prefixes = Array.from({ length: program.towerCount }, (_, tower) => (tower === 0 ? '' : towerPrefix(tower)));
const batches = Object.fromEntries(
  prefixes.flatMap((prefix) => Object.entries(batch).map(([name, value]) => [prefix + name, value] as const)),
);
const evaluationFetches = [...(isLanguageModeling(options.task) ? [] : [FETCH.evaluationLogits]), FETCH.evaluationLoss];
for (let step = 0; step < request.stepCount; step++) {
  if (request.isEvaluation === true) session.run(batch, evaluationFetches);
  else if (program.accumulators.length > 0) {
    session.run(
      batches,
      prefixes.map((prefix) => prefix + FETCH.accumulateLoss),
    );
    session.run(optimizer, [FETCH.applyNorm]);
  } else session.run({ ...batch, ...optimizer }, [FETCH.trainLoss, FETCH.trainNorm]);
}
const sizes = [batchSize, length, targetLength] as const;
const plan = request.isEvaluation === true ? program.planEvaluation(...sizes) : program.planStep(...sizes);
if (request.devicesFile !== undefined && virtualDevices !== undefined)
  writeFileSync(
    request.devicesFile,
    JSON.stringify([...virtualDevices.nodesOf].map(([name, nodes]) => [name, [...nodes]])),
  );
process.stdout.write(`${JSON.stringify({ plan, otherPlan: program.planOtherDevice(...sizes) })}\n`);
process.exit(0);
