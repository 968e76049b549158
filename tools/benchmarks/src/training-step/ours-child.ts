/**
 * One process of the training-step benchmark: loads a model, makes the steps of a plan and prints what it measured.
 * @module
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DeviceMemorySampler } from '@pemmican/device-memory';
import { TensorflowSession, releaseMemory } from '@pemmican/engine';
import type { TensorValue } from '@pemmican/graph';
import { parseModel, resolveParameters } from '@pemmican/models';
import { Checkpoint } from '@pemmican/safetensors';
import { openFolder } from '@pemmican/storage';
import { FEED, FETCH, buildTrainingProgram, clearMoments, loadWeights } from '@pemmican/training';
import { peakResidentBytes } from '../tokenizer-speed/process-measures.ts';
import type { BatchPlan, StepPlan, StepReport } from './plan.ts';

const plan = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as StepPlan;
const sampler = new DeviceMemorySampler({ useGpu: plan.device === 'gpu' });
const deviceBytes = (): number => sampler.sample()[0]?.usedBytes ?? 0;
const deviceBytesBefore = deviceBytes();
const folder = await openFolder(plan.modelFolder);
const model = parseModel(JSON.parse(readFileSync(path.join(folder.name, 'config.json'), 'utf8')), 'config.json');
const program = buildTrainingProgram(model, {
  task: plan.task,
  labelCount: 2,
  vocabRows: model.vocabSize,
  paddingIndex: model.padTokenId,
  dropout: 0,
  gradientCheckpointing: plan.gradientCheckpointing,
  bf16: plan.bf16,
  isAccumulating: false,
  hasWeightDecay: false,
  maxGradNorm: 1,
  adamBeta1: 0.9,
  adamBeta2: 0.999,
});
const session = TensorflowSession.open(program.savedModel);
const baseBytes = plan.device === 'gpu' ? deviceBytes() - deviceBytesBefore : process.memoryUsage.rss();
const checkpoint = await Checkpoint.open(folder);
const sources = resolveParameters(model, checkpoint, model.parameters(plan.task, 2, model.vocabSize));
await loadWeights(session, program.parameters, sources, checkpoint, 42);
releaseMemory();
clearMoments(session, program.trainedParameters);

const scalar = (value: number): TensorValue => ({ dtype: 'float32', shape: [], data: Float32Array.of(value) });

/** Each token predicts the next one of its row. */
function nextTokens({ rowCount, length, inputIds, attentionMask }: BatchPlan): { places: number[]; labels: number[] } {
  const places: number[] = [];
  for (let place = 0; place < rowCount * length; place++)
    if ((place + 1) % length !== 0 && attentionMask[place + 1] === 1) places.push(place);
  return { places, labels: places.map((place) => inputIds[place + 1] ?? 0) };
}

function batchFeeds(batch: BatchPlan): Record<string, TensorValue> {
  const shape = [batch.rowCount, batch.length];
  const isLanguageModel = plan.task === 'causal-lm';
  const { places, labels } = isLanguageModel ? nextTokens(batch) : { places: [], labels: batch.labels };
  return {
    [FEED.inputIds]: { dtype: 'int32', shape, data: Int32Array.from(batch.inputIds) },
    [FEED.attentionMask]: { dtype: 'float32', shape, data: Float32Array.from(batch.attentionMask) },
    [FEED.tokenTypeIds]: { dtype: 'int32', shape, data: new Int32Array(batch.inputIds.length) },
    [FEED.labels]: { dtype: 'int32', shape: [labels.length], data: Int32Array.from(labels) },
    [FEED.dropoutSeed]: { dtype: 'int32', shape: [2], data: Int32Array.of(0, 0) },
    [FEED.lossWeight]: scalar(1),
    ...(isLanguageModel
      ? { [FEED.targetPositions]: { dtype: 'int32', shape: [places.length], data: Int32Array.from(places) } }
      : {}),
  };
}

const stepMs: number[] = [];
const losses: number[] = [];
for (const [index, batch] of plan.batches.entries()) {
  const [bias1, bias2] = [1 - Math.fround(0.9) ** (index + 1), Math.sqrt(1 - Math.fround(0.999) ** (index + 1))];
  const startMs = performance.now();
  const [loss] = session.run(
    {
      ...batchFeeds(batch),
      [FEED.correctedLearningRate]: scalar((5e-5 * bias2) / bias1),
      [FEED.correctedEpsilon]: scalar(1e-8 * bias2),
    },
    [FETCH.trainLoss, FETCH.trainNorm],
  );
  stepMs.push(performance.now() - startMs);
  // As a run does after its first step.
  if (index === 0) releaseMemory();
  losses.push(loss?.data[0] ?? NaN);
}
const longest = Math.max(...plan.batches.map((batch) => batch.length));
const report: StepReport = {
  stepMs,
  losses,
  baseBytes,
  peakBytes: plan.device === 'gpu' ? deviceBytes() - deviceBytesBefore : peakResidentBytes(),
  plannedBytes: program.planStep(plan.batches[0]?.rowCount ?? 1, longest).peakBytes,
};
console.log(JSON.stringify(report));
process.exit(0);
