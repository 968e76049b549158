import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { ServerErrorResponse, ServerWritableStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';

import { ErrorInfo, Status } from '@pemmican/contract/google';
import type { SurgerySpec } from '@pemmican/contract/surgery';
import { EmbeddingSurgeryServiceService, Surgery, WatchSurgeryResponse } from '@pemmican/contract/surgery';
import type { CreateRunRequest, EstimateMemoryRequest, PredictRequest, RunSpec } from '@pemmican/contract/trainer';
import {
  EstimateMemoryResponse,
  PredictResponse,
  Run,
  TrainerServiceService,
  WatchRunResponse,
} from '@pemmican/contract/trainer';
import type { CreateAnalysisRequest } from '@pemmican/contract/vocabulary';
import {
  Analysis,
  DownloadProfileResponse,
  VocabularyAnalysisServiceService,
  WatchAnalysisResponse,
} from '@pemmican/contract/vocabulary';

import { digestOfTokenIds } from '../src/stages/kept-token-ids.ts';

export const KEPT_TOKEN_IDS = [0, 1, 2, 7, 9, 100, 101, 102];

/** A gRPC error with the details that pemmican's services give. */
export function richError(
  code: number,
  reason: string,
  message: string,
): { code: number; details: string; metadata: Metadata } {
  const info = Buffer.from(ErrorInfo.encode({ reason, domain: 'pemmican', metadata: {} }).finish());
  const status: Status = {
    code,
    message,
    details: [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: info }],
  };
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(Status.encode(status).finish()));
  return { code, details: message, metadata };
}

type Callback = (error: ServerErrorResponse | null, response?: unknown) => void;

/** What a test scripts of the three services; what is left out answers as a healthy service does. */
export interface Script {
  readonly createAnalysis?: (request: CreateAnalysisRequest) => void;
  readonly surgery?: (spec: SurgerySpec) => void;
  readonly createRun?: (request: CreateRunRequest) => void;
  readonly watchRun?: (
    call: ServerWritableStream<{ name: string; resumeToken: string }, WatchRunResponse>,
    spec: RunSpec,
  ) => void;
  readonly cancelRun?: () => void;
  readonly estimate?: (request: EstimateMemoryRequest) => void;
  readonly predict?: (request: PredictRequest) => readonly number[][];
}

/** Services that do no work: their answers are made up, their output folders hold a file or two. */
export class ScriptedServices {
  readonly #server: Server;
  readonly address: string;
  /** Names of the calls, in order. */
  readonly calls: string[];

  private constructor(server: Server, address: string, calls: string[]) {
    this.#server = server;
    this.address = address;
    this.calls = calls;
  }

  static async start(script: Script = {}): Promise<ScriptedServices> {
    const server = new Server();
    const calls: string[] = [];
    server.addService(VocabularyAnalysisServiceService, vocabularyImplementation(script, calls));
    server.addService(EmbeddingSurgeryServiceService, surgeryImplementation(script, calls));
    server.addService(TrainerServiceService, trainerImplementation(script, calls));
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    return new ScriptedServices(server, `127.0.0.1:${port}`, calls);
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

function answer(callback: Callback, work: () => unknown): void {
  try {
    callback(null, work());
  } catch (error) {
    callback(error as ServerErrorResponse);
  }
}

function analysis(state: number): Analysis {
  return Analysis.fromPartial({
    name: 'analyses/a1',
    state: state as Analysis['state'],
    result: {
      fullVocabSize: 1000,
      reducedVocabSize: KEPT_TOKEN_IDS.length,
      hiddenSize: 4,
      keptTokenIdsDigest: digestOfTokenIds(KEPT_TOKEN_IDS),
      tokenizerDigest: 'sha256:aa',
      splits: [
        {
          split: 1,
          recordCount: 10,
          tokenCount: 50,
          distinctTokenCount: 5,
          addedTokenCount: 5,
          tokensPerRecordP50: 5,
          tokensPerRecordP90: 7,
          tokensPerRecordP99: 8,
          tokensPerRecordMax: 9,
        },
      ],
      rankFrequency: [
        { rank: 1, count: 20 },
        { rank: 5, count: 1 },
      ],
      coverage: [
        { tokenCount: 1, coverage: 0.4 },
        { tokenCount: 5, coverage: 1 },
      ],
      fullEmbeddingTrainingBytes: 64_000,
      reducedEmbeddingTrainingBytes: 512,
    },
  });
}

/** The profile that the scripted analysis gives. */
export function scriptedProfile(): Buffer {
  return Buffer.from(
    JSON.stringify({
      fullVocabSize: 1000,
      keptTokenIds: KEPT_TOKEN_IDS,
      keptTokenIdsDigest: digestOfTokenIds(KEPT_TOKEN_IDS),
    }),
  );
}

function vocabularyImplementation(script: Script, calls: string[]): UntypedServiceImplementation {
  return {
    createAnalysis: (call: { request: CreateAnalysisRequest }, callback: Callback) => {
      calls.push('createAnalysis');
      answer(callback, () => {
        script.createAnalysis?.(call.request);
        return { analysis: analysis(1) };
      });
    },
    watchAnalysis: (call: ServerWritableStream<{ name: string }, WatchAnalysisResponse>) => {
      calls.push('watchAnalysis');
      call.write(
        WatchAnalysisResponse.fromPartial({
          sequence: 1,
          resumeToken: '1',
          event: { $case: 'progress', value: { recordCount: 5, processedBytes: 50, totalBytes: 100 } },
        }),
      );
      call.write(
        WatchAnalysisResponse.fromPartial({
          sequence: 2,
          resumeToken: '2',
          event: { $case: 'stateChange', value: analysis(3) },
        }),
      );
      call.end();
    },
    getAnalysis: (_call: unknown, callback: Callback) => callback(null, { analysis: analysis(3) }),
    listAnalyses: (_call: unknown, callback: Callback) => callback(null, { analyses: [], nextPageToken: '' }),
    cancelAnalysis: (_call: unknown, callback: Callback) => callback(null, { analysis: analysis(5) }),
    downloadProfile: (call: ServerWritableStream<{ offset: number }, DownloadProfileResponse>) => {
      calls.push('downloadProfile');
      const profile = scriptedProfile();
      const digest = `sha256:${createHash('sha256').update(profile).digest('hex')}`;
      for (let offset = call.request.offset; offset < profile.length; offset += 16) {
        const data = profile.subarray(offset, offset + 16);
        call.write(DownloadProfileResponse.fromPartial({ offset, data, totalSizeBytes: profile.length, digest }));
      }
      call.end();
    },
  };
}

function surgeryImplementation(script: Script, calls: string[]): UntypedServiceImplementation {
  let spec: SurgerySpec | undefined;
  const surgery = (state: number): Surgery =>
    Surgery.fromPartial({
      name: 'surgeries/s1',
      state: state as Surgery['state'],
      result: {
        fullVocabSize: 1000,
        reducedVocabSize: KEPT_TOKEN_IDS.length,
        sourceBytes: 20_000,
        outputBytes: 5000,
        outputUri: spec?.operation?.value.outputUri ?? '',
        unusedRowFactor: 1,
      },
    });
  return {
    createSurgery: (call: { request: { spec: SurgerySpec } }, callback: Callback) => {
      spec = call.request.spec;
      calls.push(spec.operation?.$case ?? '');
      answer(callback, () => {
        script.surgery?.(call.request.spec);
        writeModel(spec?.operation?.value.outputUri ?? '', spec?.operation?.$case ?? '');
        return { surgery: surgery(1) };
      });
    },
    watchSurgery: (call: ServerWritableStream<unknown, WatchSurgeryResponse>) => {
      call.write(
        WatchSurgeryResponse.fromPartial({
          sequence: 1,
          resumeToken: '1',
          event: { $case: 'stateChange', value: surgery(3) },
        }),
      );
      call.end();
    },
    getSurgery: (_call: unknown, callback: Callback) => callback(null, { surgery: surgery(3) }),
    listSurgeries: (_call: unknown, callback: Callback) => callback(null, { surgeries: [], nextPageToken: '' }),
    cancelSurgery: (_call: unknown, callback: Callback) => callback(null, { surgery: surgery(5) }),
  };
}

function writeModel(folder: string, content: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'config.json'), '{}');
  writeFileSync(path.join(folder, 'tokenizer.json'), '{}');
  writeFileSync(path.join(folder, 'model.safetensors'), weightsFile(content));
}

/** A run as the scripted trainer tells it. */
export function scriptedRun(state: number, error?: Status): Run {
  return Run.fromPartial({
    name: 'runs/r1',
    state: state as Run['state'],
    error,
    result: {
      checkpointStep: 2,
      finalLoss: 0.5,
      stepCount: 2,
      tokenCount: 100,
      vocabRows: 8,
      parameterCount: 32,
      elapsedMs: 10,
      processPeakBytes: 1e6,
      evaluation: { step: 2, loss: 0.4, accuracy: 0.81, recordCount: 10, split: 2 },
      initialEvaluation: { step: 0, loss: 0.7, accuracy: 0.5, recordCount: 10, split: 2 },
    },
  });
}

/** An optimizer step as the scripted trainer tells it. */
export function scriptedStep(step: number): WatchRunResponse {
  return WatchRunResponse.fromPartial({
    sequence: step,
    resumeToken: String(step),
    event: {
      $case: 'step',
      value: {
        step,
        totalSteps: 2,
        epoch: step / 2,
        loss: 1 / step,
        gradNorm: 1,
        learningRate: 1e-5,
        tokenCount: 50,
        elapsedMs: 5,
        processResidentBytes: 1e6,
      },
    },
  });
}

/** The final event of the scripted trainer. */
export function scriptedEnd(sequence: number, state: number, error?: Status): WatchRunResponse {
  return WatchRunResponse.fromPartial({
    sequence,
    resumeToken: String(sequence),
    event: { $case: 'stateChange', value: scriptedRun(state, error) },
  });
}

function trainerImplementation(script: Script, calls: string[]): UntypedServiceImplementation {
  let spec: RunSpec | undefined;
  return {
    createRun: (call: { request: CreateRunRequest }, callback: Callback) => {
      calls.push('createRun');
      spec = call.request.spec;
      answer(callback, () => {
        script.createRun?.(call.request);
        return { run: scriptedRun(1) };
      });
    },
    watchRun: (call: ServerWritableStream<{ name: string; resumeToken: string }, WatchRunResponse>) => {
      calls.push('watchRun');
      if (script.watchRun !== undefined && spec !== undefined) {
        script.watchRun(call, spec);
        return;
      }
      finishRun(spec?.outputUri ?? '');
      call.write(scriptedStep(1));
      call.write(scriptedStep(2));
      call.write(scriptedEnd(3, 3));
      call.end();
    },
    getRun: (_call: unknown, callback: Callback) => callback(null, { run: scriptedRun(2) }),
    listRuns: (_call: unknown, callback: Callback) => callback(null, { runs: [], nextPageToken: '' }),
    cancelRun: (_call: unknown, callback: Callback) => {
      calls.push('cancelRun');
      script.cancelRun?.();
      callback(null, { run: scriptedRun(2) });
    },
    estimateMemory: (call: { request: EstimateMemoryRequest }, callback: Callback) => {
      calls.push('estimateMemory');
      answer(callback, () => {
        script.estimate?.(call.request);
        const memory = {
          weightBytes: 10,
          gradientBytes: 10,
          optimizerBytes: 20,
          activationBytes: 5,
          workspaceBytes: 5,
        };
        return EstimateMemoryResponse.fromPartial({
          batchSize: 16,
          sequenceLength: call.request.sequenceLength,
          full: { vocabRows: 1000, memory: { ...memory, peakBytes: 1000, embeddingBytes: 900 } },
          reduced: { vocabRows: 8, memory: { ...memory, peakBytes: 250, embeddingBytes: 10 } },
        });
      });
    },
    predict: (call: ServerWritableStream<PredictRequest, PredictResponse>) => {
      calls.push('predict');
      const rows = script.predict?.(call.request) ?? [
        [0.5, 1.5],
        [2, -1],
      ];
      rows.forEach((row, index) => {
        call.write(
          PredictResponse.fromPartial({
            firstRecordIndex: index,
            labelCount: row.length,
            logits: row,
            labelNames: index === 0 ? ['no', 'yes'] : [],
          }),
        );
      });
      call.end();
    },
    watchDeviceMemory: (call: ServerWritableStream<unknown, unknown>) => {
      call.end();
    },
  };
}

/** What the trainer leaves in a run's folder. */
export function finishRun(folder: string): void {
  writeModel(folder, 'trained');
  writeFileSync(path.join(folder, 'metrics.jsonl'), '{"step":1}\n{"step":2}\n');
}

/** A checkpoint file without tensors whose metadata has a word, by which tests know it again. */
export function weightsFile(content: string): Buffer {
  const header = Buffer.from(JSON.stringify({ __metadata__: { content } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header]);
}
