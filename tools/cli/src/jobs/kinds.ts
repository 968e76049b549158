import { Surgery } from '@pemmican/contract/surgery';
import type { EmbeddingSurgeryServiceClient, SurgerySpec, WatchSurgeryResponse } from '@pemmican/contract/surgery';
import { Run } from '@pemmican/contract/trainer';
import type { RunSpec, TrainerServiceClient, WatchRunResponse } from '@pemmican/contract/trainer';
import { Analysis } from '@pemmican/contract/vocabulary';
import type {
  AnalysisSpec,
  VocabularyAnalysisServiceClient,
  WatchAnalysisResponse,
} from '@pemmican/contract/vocabulary';

import { callUnary, readStream } from '../services/call.ts';
import type { Job } from './job.ts';

export type AnalysisEvent = NonNullable<WatchAnalysisResponse['event']>;
export type SurgeryEvent = NonNullable<WatchSurgeryResponse['event']>;
export type RunEvent = NonNullable<WatchRunResponse['event']>;

/** A job of vocabulary-analysis. */
export function analysisJob(client: VocabularyAnalysisServiceClient, spec: AnalysisSpec): Job<Analysis, AnalysisEvent> {
  const service = 'vocabulary-analysis';
  return {
    service,
    create: async (requestId) => {
      const request = { spec, requestId, validateOnly: false };
      const { analysis } = await callUnary(service, client.createAnalysis.bind(client), request);
      return analysis ?? Analysis.create();
    },
    get: async (name) => {
      const { analysis } = await callUnary(service, client.getAnalysis.bind(client), { name, readMask: undefined });
      return analysis ?? Analysis.create();
    },
    cancel: async (name) => {
      await callUnary(service, client.cancelAnalysis.bind(client), { name });
    },
    watch: (name, resumeToken) => readStream(service, client.watchAnalysis({ name, resumeToken })),
    stateOf: (event) => (event.$case === 'stateChange' ? event.value : undefined),
  };
}

/** A job of embedding-surgery. */
export function surgeryJob(client: EmbeddingSurgeryServiceClient, spec: SurgerySpec): Job<Surgery, SurgeryEvent> {
  const service = 'embedding-surgery';
  return {
    service,
    create: async (requestId) => {
      const request = { spec, requestId, validateOnly: false };
      const { surgery } = await callUnary(service, client.createSurgery.bind(client), request);
      return surgery ?? Surgery.create();
    },
    get: async (name) => {
      const { surgery } = await callUnary(service, client.getSurgery.bind(client), { name, readMask: undefined });
      return surgery ?? Surgery.create();
    },
    cancel: async (name) => {
      await callUnary(service, client.cancelSurgery.bind(client), { name });
    },
    watch: (name, resumeToken) => readStream(service, client.watchSurgery({ name, resumeToken })),
    stateOf: (event) => (event.$case === 'stateChange' ? event.value : undefined),
  };
}

/** A job of trainer. */
export function runJob(client: TrainerServiceClient, spec: RunSpec): Job<Run, RunEvent> {
  const service = 'trainer';
  return {
    service,
    create: async (requestId) => {
      const request = { spec, requestId, validateOnly: false };
      const { run } = await callUnary(service, client.createRun.bind(client), request);
      return run ?? Run.create();
    },
    get: async (name) => {
      const { run } = await callUnary(service, client.getRun.bind(client), { name, readMask: undefined });
      return run ?? Run.create();
    },
    cancel: async (name) => {
      await callUnary(service, client.cancelRun.bind(client), { name });
    },
    watch: (name, resumeToken) => readStream(service, client.watchRun({ name, resumeToken })),
    stateOf: (event) => (event.$case === 'stateChange' ? event.value : undefined),
  };
}
