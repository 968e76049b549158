import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  CreateSurgeryResponse,
  EmbeddingSurgeryServiceService,
  GetSurgeryResponse,
  ListSurgeriesResponse,
  SurgerySpec,
  SurgeryState,
  WatchSurgeryResponse,
} from '@pemmican/contract/surgery';
import {
  CreateRunResponse,
  GetRunResponse,
  ListRunsResponse,
  RunSpec,
  RunState,
  TrainerServiceService,
  WatchRunResponse,
} from '@pemmican/contract/trainer';
import {
  AnalysisSpec,
  AnalysisState,
  CreateAnalysisResponse,
  GetAnalysisResponse,
  ListAnalysesResponse,
  Split,
  VocabularyAnalysisServiceService,
  WatchAnalysisResponse,
} from '@pemmican/contract/vocabulary';
import { makeTinyDataset, makeTinyModel } from '@pemmican/testkit';
import type { KilledKind } from './killed-service.ts';

const digestOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16);
const once = (index: number): { requestId: string; validateOnly: boolean } => ({
  requestId: `job-${index}`,
  validateOnly: false,
});

/** Runs of 60 steps with shuffling, dropout and decay, and a checkpoint every second step. */
export async function trainerKind(folder: string): Promise<KilledKind> {
  const at = (name: string): string => path.join(folder, name);
  await makeTinyModel(at('model'));
  await makeTinyDataset(at('train.jsonl'), 64);
  await makeTinyDataset(at('validation.jsonl'), 32, 2);
  const spec = (index: number): RunSpec =>
    RunSpec.fromPartial({
      modelUri: at('model'),
      outputUri: at(`run-${index}`),
      dataset: {
        files: [
          { split: Split.TRAIN, uri: at('train.jsonl') },
          { split: Split.VALIDATION, uri: at('validation.jsonl') },
        ],
        maxSequenceLength: 32,
      },
      options: {
        maxSteps: 60,
        perDeviceTrainBatchSize: 8,
        saveSteps: 2,
        evalSteps: 20,
        weightDecay: 0.01,
        dropout: 0.1,
        learningRate: 1e-3,
      },
    });
  return {
    service: 'trainer',
    environment: { PEMMICAN_MAX_RESTARTS: '1000' },
    maxDelayMs: 7000,
    create: TrainerServiceService.createRun,
    watch: TrainerServiceService.watchRun,
    get: TrainerServiceService.getRun,
    list: TrainerServiceService.listRuns,
    request: (index) => ({ ...once(index), spec: spec(index) }),
    createdName: (response) => CreateRunResponse.decode(response).run?.name ?? '',
    seen: (response) => WatchRunResponse.decode(response),
    progressMark: (response) => {
      const { event } = WatchRunResponse.decode(response);
      return event?.$case === 'step' ? event.value.step : 0;
    },
    ended: (response) => {
      const { run } = GetRunResponse.decode(response);
      return { isSucceeded: run?.state === RunState.SUCCEEDED, error: run?.error?.message ?? '' };
    },
    listedCount: (response) => ListRunsResponse.decode(response).runs.length,
    outcome: (index, response) => {
      const loss = GetRunResponse.decode(response).run?.result?.finalLoss;
      return `loss ${loss}, model ${digestOf(at(`run-${index}/model.safetensors`))}`;
    },
  };
}

/** Reductions of a real model where it is set up: the tiny one is written before anybody can kill. */
export async function surgeryKind(folder: string, model: string): Promise<KilledKind> {
  const at = (name: string): string => path.join(folder, name);
  const spec = (index: number): SurgerySpec =>
    SurgerySpec.fromPartial({
      operation: {
        $case: 'reduce',
        value: {
          modelUri: model,
          outputUri: at(`reduced-${index}`),
          vocabulary: { $case: 'keptTokenIds', value: { fullTokenIds: Array.from({ length: 20_000 }, (_, id) => id) } },
        },
      },
    });
  return {
    service: 'embedding-surgery',
    environment: {},
    maxDelayMs: 1200,
    create: EmbeddingSurgeryServiceService.createSurgery,
    watch: EmbeddingSurgeryServiceService.watchSurgery,
    get: EmbeddingSurgeryServiceService.getSurgery,
    list: EmbeddingSurgeryServiceService.listSurgeries,
    request: (index) => ({ ...once(index), spec: spec(index) }),
    createdName: (response) => CreateSurgeryResponse.decode(response).surgery?.name ?? '',
    seen: (response) => WatchSurgeryResponse.decode(response),
    ended: (response) => {
      const { surgery } = GetSurgeryResponse.decode(response);
      return { isSucceeded: surgery?.state === SurgeryState.SUCCEEDED, error: surgery?.error?.message ?? '' };
    },
    listedCount: (response) => ListSurgeriesResponse.decode(response).surgeries.length,
    outcome: (index) => `model ${digestOf(at(`reduced-${index}/model.safetensors`))}`,
  };
}

/** Analyses of a file that takes a second or two. */
export async function analysisKind(folder: string): Promise<KilledKind> {
  const at = (name: string): string => path.join(folder, name);
  await makeTinyModel(at('model'));
  await makeTinyDataset(at('part.jsonl'), 20_000);
  writeFileSync(at('train.jsonl'), readFileSync(at('part.jsonl'), 'utf8').repeat(30));
  const spec = (index: number): AnalysisSpec =>
    AnalysisSpec.fromPartial({
      modelUri: at('model'),
      profileUri: at(`profile-${index}.json`),
      dataset: { files: [{ split: Split.TRAIN, uri: at('train.jsonl') }] },
    });
  return {
    service: 'vocabulary-analysis',
    environment: {},
    maxDelayMs: 3500,
    create: VocabularyAnalysisServiceService.createAnalysis,
    watch: VocabularyAnalysisServiceService.watchAnalysis,
    get: VocabularyAnalysisServiceService.getAnalysis,
    list: VocabularyAnalysisServiceService.listAnalyses,
    request: (index) => ({ ...once(index), spec: spec(index) }),
    createdName: (response) => CreateAnalysisResponse.decode(response).analysis?.name ?? '',
    seen: (response) => WatchAnalysisResponse.decode(response),
    ended: (response) => {
      const { analysis } = GetAnalysisResponse.decode(response);
      return { isSucceeded: analysis?.state === AnalysisState.SUCCEEDED, error: analysis?.error?.message ?? '' };
    },
    listedCount: (response) => ListAnalysesResponse.decode(response).analyses.length,
    outcome: (index) => `profile ${digestOf(at(`profile-${index}.json`))}`,
  };
}
