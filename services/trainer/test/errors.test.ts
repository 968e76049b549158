// Every line of docs/errors.md about this service, through its public interface. Runs take seconds each: what bad-input.test.ts and
// others end runs with is named in the document, and only the rest is done here.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { readDescriptorSet } from '@pemmican/contract/descriptor-set';
import type { Status } from '@pemmican/contract/google';
import {
  CreateRunResponse,
  EstimateMemoryRequest,
  GetRunResponse,
  PredictRequest,
  RunState,
  Task,
  TrainerServiceClient,
  TrainerServiceService as service,
  type TrainingOptions,
} from '@pemmican/contract/trainer';
import { RecordKind } from '@pemmican/contract/vocabulary';
import { reduceCheckpoint } from '@pemmican/embedding';
import { createLogger, startServer } from '@pemmican/rpc';
import { createFolder, openFolder } from '@pemmican/storage';
import {
  ModelVariants,
  callMethod,
  callNamed,
  makeTinyDataset,
  makeTinyModel,
  statusOfRefusal,
  testErrors,
} from '@pemmican/testkit';
import { TokenIdMap } from '@pemmican/vocabulary';
import { readConfig } from '../src/config.ts';
import { createTrainerService } from '../src/trainer-service.ts';
import { MASKING_HEAD, predictRequest, runRequest, type RunFields } from './harness.ts';
import { childIdsOf } from './trainer-process.ts';

const JOB = 'Run.error';
const work = mkdtempSync(path.join(tmpdir(), 'pemmican-errors-'));
const model = path.join(work, 'model');
const headed = path.join(work, 'headed');
const reduced = path.join(work, 'reduced');
const train = path.join(work, 'train.jsonl');
const variants = new ModelVariants(model, work);
let client: TrainerServiceClient;
let close = async (): Promise<void> => undefined;

before(async () => {
  await makeTinyModel(model);
  await makeTinyDataset(train, 20);
  const tokenIdMap = TokenIdMap.create(
    125,
    Uint32Array.from({ length: 45 }, (_, id) => id),
  );
  await reduceCheckpoint({
    source: await openFolder(model),
    tokenIdMap,
    destination: await createFolder(reduced),
    pemmicanVersion: '0.1.0',
  });
  const listen = `unix:${path.join(work, 'socket')}`;
  const hosted = createTrainerService(
    readConfig({
      ...process.env,
      PEMMICAN_LISTEN: listen,
      PEMMICAN_STATE_DIRECTORY: path.join(work, 'state'),
      PEMMICAN_LOG_LEVEL: 'silent',
      PEMMICAN_ARTIFACT_ROOTS: work,
      PEMMICAN_MAX_QUEUED_RUNS: '1',
      PEMMICAN_MAX_RESTARTS: '0',
      // Nothing listens there.
      HF_ENDPOINT: 'http://127.0.0.1:9',
    }),
  );
  const logger = createLogger('test', 'silent');
  const server = await startServer({ services: hosted.services, listen, descriptorSet: readDescriptorSet(), logger });
  client = new TrainerServiceClient(listen, credentials.createInsecure());
  close = async () => {
    client.close();
    await Promise.all([hosted.close(), server.stop(1000)]);
  };
  await follow(await create({ output: headed, options: { maxSteps: 1 } }));
});
after(async () => {
  await close();
  rmSync(work, { recursive: true, force: true });
});

type Fields = Partial<RunFields>;
const request = (fields: Fields = {}): ReturnType<typeof runRequest> =>
  runRequest({ model, train, output: variants.place('output'), ...fields });

async function create(fields: Fields): Promise<string> {
  const [bytes] = await callMethod(client, service.createRun, [request(fields)]);
  return CreateRunResponse.decode(bytes ?? new Uint8Array()).run?.name ?? '';
}

/** Waits for a run's end. */
async function follow(name: string): Promise<void> {
  await callMethod(client, service.watchRun, [{ name, resumeToken: '' }]);
}

/** What a run ends with. */
async function failureOf(fields: Fields): Promise<Status> {
  const name = await create(fields);
  await follow(name);
  const [bytes] = await callMethod(client, service.getRun, [{ name }]);
  const { run } = GetRunResponse.decode(bytes ?? new Uint8Array());
  if (run?.state !== RunState.FAILED || run.error === undefined)
    throw new Error(`The run ended in state ${run?.state}`);
  return run.error;
}

/** What a call by the method's name is refused with. */
function refused(name: string, ...requests: object[]): Promise<Status> {
  return statusOfRefusal(callNamed(client, service, name, ...requests));
}
type Options = Parameters<typeof TrainingOptions.fromPartial>[0];
const estimate = (modelUri: string, options: Options = {}): Promise<Status> =>
  refused('EstimateMemory', EstimateMemoryRequest.fromPartial({ modelUri, sequenceLength: 32, options }));
const predict = (modelUri: string, file = train, fields: Partial<PredictRequest> = {}): Promise<Status> =>
  refused('Predict', { ...predictRequest(modelUri, file), ...fields });

/** Work while one run goes on and another one waits; both are cancelled after it. */
async function whileOneWaits<Result>(act: (waiting: string) => Promise<Result>): Promise<Result> {
  const running = await create({ options: { maxSteps: 100_000 } });
  const waiting = await create({});
  try {
    return await act(waiting);
  } finally {
    for (const name of [waiting, running]) {
      await callMethod(client, service.cancelRun, [{ name }]).catch(() => undefined);
      await follow(name);
    }
  }
}
const attempt = (name: 'cancelRun' | 'pauseRun' | 'resumeRun', run: string): Promise<unknown> =>
  callMethod(client, service[name], [{ name: run }]);

const INVALID = 'INVALID_ARGUMENT';
const PRECONDITION = 'FAILED_PRECONDITION';
type Line = Parameters<typeof testErrors>[1][number];

/** A line that a model leads to, when its memory is estimated and when it predicts. */
const ofModel = (where: readonly string[], code: string, reason: string, make: () => string): Line => ({
  where,
  code,
  reason,
  provoke: (place) => (place === 'EstimateMemory' ? estimate(make()) : predict(make())),
});
/** A line that a file leads to when it is predicted. */
const ofFile = (code: string, reason: string, make: () => string): Line => ({
  where: ['Predict'],
  code,
  reason,
  provoke: () => predict(headed, make()),
});
const ofRun = (code: string, reason: string, make: () => Fields): Line => ({
  where: [JOB],
  code,
  reason,
  provoke: () => failureOf(make()),
});
const both = ['EstimateMemory', 'Predict'];

testErrors('pemmican.trainer.v1.TrainerService', [
  {
    where: ['GetRun', 'WatchRun', 'CancelRun', 'PauseRun', 'ResumeRun', 'WatchDeviceMemory'],
    code: 'NOT_FOUND',
    reason: 'RESOURCE_NOT_FOUND',
    provoke: (where) => refused(where, { name: 'runs/none', runName: 'runs/none', resumeToken: '', intervalMs: 0 }),
  },
  {
    where: ['CreateRun', 'EstimateMemory', 'Predict', 'WatchDeviceMemory', 'ListRuns'],
    code: INVALID,
    reason: 'INVALID_FIELD',
    provoke: (where) => {
      if (where === 'EstimateMemory') return refused(where, EstimateMemoryRequest.create());
      if (where === 'Predict') return refused(where, PredictRequest.create());
      return refused(where, { requestId: '', runName: '', intervalMs: 1, pageSize: -1, pageToken: '' });
    },
  },
  {
    where: ['ListRuns'],
    code: INVALID,
    reason: 'INVALID_FIELD',
    way: 'a page token of another method',
    provoke: (where) => refused(where, { pageSize: 0, pageToken: 'bm90IGEgdG9rZW4' }),
  },
  {
    where: ['GetRun', 'ListRuns'],
    code: INVALID,
    reason: 'INVALID_FIELD',
    way: 'a mask with what is no field',
    provoke: (where) =>
      refused(where, { name: 'runs/none', pageSize: 0, pageToken: '', readMask: ['state', 'spec.nothing'] }),
  },
  {
    where: ['CreateRun'],
    code: 'ALREADY_EXISTS',
    reason: 'REQUEST_ID_REUSED',
    provoke: async (where) => {
      const first = { ...request({ model: path.join(work, 'none') }), requestId: 'once' };
      const [bytes] = await callMethod(client, service.createRun, [first]);
      await follow(CreateRunResponse.decode(bytes ?? new Uint8Array()).run?.name ?? '');
      return refused(where, { ...request(), requestId: 'once' });
    },
  },
  {
    where: ['CreateRun', 'ResumeRun'],
    code: 'RESOURCE_EXHAUSTED',
    reason: 'QUEUE_FULL',
    provoke: (where) =>
      whileOneWaits(async (waiting) => {
        if (where === 'CreateRun') return refused(where, request());
        await attempt('pauseRun', waiting);
        const next = await create({});
        const status = await refused(where, { name: waiting });
        await attempt('cancelRun', next);
        return status;
      }),
  },
  {
    where: ['CancelRun', 'PauseRun', 'ResumeRun'],
    code: PRECONDITION,
    reason: 'ALREADY_FINAL',
    provoke: (where) =>
      whileOneWaits(async (waiting) => {
        await attempt('cancelRun', waiting);
        return refused(where, { name: waiting });
      }),
  },
  {
    where: ['PauseRun'],
    code: PRECONDITION,
    reason: 'ALREADY_PAUSED',
    provoke: (where) =>
      whileOneWaits(async (waiting) => {
        await attempt('pauseRun', waiting);
        return refused(where, { name: waiting });
      }),
  },
  {
    where: ['ResumeRun'],
    code: PRECONDITION,
    reason: 'NOT_PAUSED',
    provoke: (where) => whileOneWaits((waiting) => refused(where, { name: waiting })),
  },
  {
    where: ['WatchRun'],
    code: INVALID,
    reason: 'INVALID_FIELD',
    provoke: (where) => whileOneWaits((name) => refused(where, { name, resumeToken: 'bm90IGEgdG9rZW4' })),
  },
  {
    where: ['CreateRun', ...both],
    code: 'PERMISSION_DENIED',
    reason: 'OUTSIDE_ROOTS',
    provoke: (where) => {
      if (where === 'CreateRun') return refused(where, request({ model: '/etc' }));
      return where === 'Predict' ? predict(model, '/etc/passwd') : estimate('/etc');
    },
  },
  {
    where: ['Predict'],
    code: 'PERMISSION_DENIED',
    reason: 'OUTSIDE_ROOTS',
    way: 'an adapter whose base is elsewhere',
    provoke: async () => {
      const elsewhere = mkdtempSync(path.join(tmpdir(), 'pemmican-elsewhere-'));
      cpSync(model, elsewhere, { recursive: true });
      const adapter = variants.place('adapter');
      mkdirSync(adapter);
      const config = {
        peft_type: 'LORA',
        r: 2,
        lora_alpha: 4,
        target_modules: ['query'],
        base_model_name_or_path: elsewhere,
      };
      writeFileSync(path.join(adapter, 'adapter_config.json'), JSON.stringify(config));
      try {
        return await predict(adapter);
      } finally {
        rmSync(elsewhere, { recursive: true });
      }
    },
  },
  // Models.
  ofModel(both, 'NOT_FOUND', 'NOT_FOUND', () => path.join(work, 'none')),
  ofModel(both, INVALID, 'NOT_A_FOLDER', () => train),
  ofModel(both, INVALID, 'INVALID_NAME', () => path.join(work, 'x'.repeat(300))),
  ofModel(both, INVALID, 'TOO_LARGE', () => variants.with({ 'config.json': ' '.repeat(10_000_001) })),
  ofModel(both, INVALID, 'INVALID_JSON', () => variants.with({ 'config.json': '{' })),
  ofModel(both, INVALID, 'INVALID_CONFIG', () => variants.withConfig({ hidden_size: -1 })),
  ofModel(both, 'UNAVAILABLE', 'DOWNLOAD_FAILED', () => 'hf:owner/none'),
  ofModel(both, PRECONDITION, 'UNSUPPORTED_MODEL', () => variants.withConfig({ model_type: 'mamba' })),
  ofModel(both, 'NOT_FOUND', 'MISSING_FILE', () => variants.with({ 'model.safetensors': undefined })),
  ofModel(both, INVALID, 'HEADER_TOO_SMALL', () => variants.with({ 'model.safetensors': 'x' })),
  ofModel(both, INVALID, 'HEADER_TOO_LARGE', () =>
    variants.with({ 'model.safetensors': 'PK\u0003\u0004 a pickle in a zip' }),
  ),
  ofModel(['EstimateMemory'], INVALID, 'INVALID_HEADER_LENGTH', () =>
    variants.with({ 'model.safetensors': Buffer.from([99, 0, 0, 0, 0, 0, 0, 0]) }),
  ),
  ofModel(['EstimateMemory'], INVALID, 'INVALID_HEADER', () =>
    variants.with({ 'model.safetensors': Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0xff]) }),
  ),
  ofModel(['EstimateMemory'], INVALID, 'INVALID_HEADER_START', () => variants.withHeader((header) => ` ${header}`)),
  ofModel(['EstimateMemory'], INVALID, 'INVALID_HEADER_DESERIALIZATION', () => variants.withHeader(() => '{"a":1}')),
  ofModel(['EstimateMemory'], INVALID, 'METADATA_INCOMPLETE_BUFFER', () => variants.withCutWeights(9)),
  ofModel(['EstimateMemory'], INVALID, 'TENSOR_INVALID_INFO', () =>
    variants.withHeader((header) => header.replace('[125,32]', '[125,33]')),
  ),
  ofModel(['EstimateMemory'], INVALID, 'VALIDATION_OVERFLOW', () =>
    variants.withHeader((header) => header.replace('[125,32]', '[2147483648,2147483648]')),
  ),
  ofModel(['EstimateMemory'], INVALID, 'MISALIGNED_SLICE', () =>
    variants.withHeader(() => '{"a":{"dtype":"F4","shape":[1,1],"data_offsets":[0,1]}}'),
  ),
  ofModel(['EstimateMemory'], INVALID, 'INVALID_INDEX', () =>
    variants.with({ 'model.safetensors': undefined, 'model.safetensors.index.json': '[]' }),
  ),
  {
    where: both,
    code: PRECONDITION,
    reason: 'UNSUPPORTED_TASK',
    provoke: (where) =>
      where === 'Predict'
        ? predict(model, train, {
            task: Task.SEQ2SEQ_LM,
            dataset: {
              ...predictRequest(model, train).dataset!,
              recordKind: RecordKind.SOURCE_AND_TARGET,
              targetColumn: 'b',
            },
          })
        : estimate(model, { task: Task.CAUSAL_LM }),
  },
  {
    where: ['EstimateMemory'],
    code: INVALID,
    reason: 'UNKNOWN_PARAMETER',
    provoke: () => estimate(model, { lora: { rank: 2, targetModules: ['q_proj'] } }),
  },
  {
    where: ['EstimateMemory'],
    code: INVALID,
    reason: 'INVALID_OPTION',
    provoke: () => estimate(model, { freeze: ['*'] }),
  },
  // Predictions.
  ofModel(['Predict'], PRECONDITION, 'HEAD_MISSING', () => model),
  ofModel(['Predict'], PRECONDITION, 'TOKENIZER_MISSING', () => variants.with({ 'vocab.txt': undefined })),
  ofModel(['Predict'], PRECONDITION, 'VOCAB_SIZE_MISMATCH', () => variants.withConfig({ vocab_size: 9 })),
  ofModel(['Predict'], INVALID, 'INVALID_TOKENIZER', () =>
    variants.with({ 'tokenizer.json': '{"model":{"type":"BPE"}}' }),
  ),
  ofModel(['Predict'], PRECONDITION, 'UNSUPPORTED_COMPONENT', () =>
    variants.with({ 'tokenizer.json': '{"model":{"type":"Other"}}' }),
  ),
  {
    where: ['Predict'],
    code: PRECONDITION,
    reason: 'NO_LOGITS',
    provoke: () => predict(model, train, { task: Task.CAUSAL_LM }),
  },
  {
    where: ['Predict'],
    code: PRECONDITION,
    reason: 'SEQUENCE_TOO_LONG',
    provoke: () =>
      predict(headed, train, { dataset: { ...predictRequest(headed, train).dataset!, maxSequenceLength: 512 } }),
  },
  {
    where: ['Predict'],
    code: 'RESOURCE_EXHAUSTED',
    reason: 'OUT_OF_MEMORY',
    provoke: () => {
      const large = variants.file(`{"text":"${'word1 '.repeat(30)}"}\n`.repeat(200));
      return predict(headed, large, { memoryBudgetBytes: 2_000_000, batchSize: 200 });
    },
  },
  {
    where: ['Predict'],
    code: 'ABORTED',
    reason: 'PROCESS_ENDED',
    provoke: async () => {
      const killed = killNextChild();
      const status = predict(headed);
      await killed;
      return status;
    },
  },
  ofFile(INVALID, 'NOT_A_FILE', () => work),
  ofFile(INVALID, 'UNKNOWN_FORMAT', () => variants.file('a', 'a.xyz')),
  ofFile(INVALID, 'MALFORMED', () => variants.file('{"text')),
  ofFile(INVALID, 'INVALID_UTF8', () => variants.file(Uint8Array.of(0x61, 0xe9, 10), 'a.txt')),
  ofFile(INVALID, 'MISSING_COLUMN', () => variants.file('{"a":1}')),
  ofFile(INVALID, 'INVALID_TEXT', () => variants.file('{"text":1}')),
  ofFile(INVALID, 'EMPTY', () => variants.file('')),
  // Runs.
  {
    where: [JOB],
    code: 'ABORTED',
    reason: 'PROCESS_KEEPS_ENDING',
    provoke: async () => {
      const killed = killNextChild();
      const failure = failureOf({});
      await killed;
      return failure;
    },
  },
  ofRun(PRECONDITION, 'TOKENIZER_MISSING', () => ({ model: variants.with({ 'vocab.txt': undefined }) })),
  ofRun(PRECONDITION, 'VOCAB_SIZE_MISMATCH', () => ({ model: variants.withConfig({ vocab_size: 9 }) })),
  ofRun(PRECONDITION, 'TOKEN_NOT_KEPT', () => ({
    model: reduced,
    train: variants.file('{"text":"word99","label":0}\n{"text":"word1","label":1}\n'),
  })),
  ofRun(PRECONDITION, 'TOKEN_ID_MAP_MISMATCH', () => {
    const folder = variants.with({});
    cpSync(path.join(reduced, 'pemmican-token-id-map.json'), path.join(folder, 'pemmican-token-id-map.json'));
    return { model: folder };
  }),
  ofRun(INVALID, 'INVALID_MANIFEST', () => ({ model: variants.with({ 'pemmican-token-id-map.json': '{}' }) })),
  ofRun(PRECONDITION, 'MISSING_TENSOR', () => ({
    model: variants.withHeader((header) => header.replace('encoder.layer.1.output.dense.weight', 'other')),
  })),
  ofRun(PRECONDITION, 'UNSUPPORTED_TASK', () => ({ options: { task: Task.CAUSAL_LM } })),
  ofRun(PRECONDITION, 'FULL_OUTPUT', () => ({ options: { task: Task.MASKED_LM, restrictedSoftmax: true } })),
  ofRun(PRECONDITION, 'REDUCED_VOCABULARY', () => ({ model: reduced, options: { task: Task.MASKED_LM } })),
  {
    where: [JOB],
    code: PRECONDITION,
    reason: 'REPLACEMENTS_NOT_KEPT',
    provoke: async () => {
      const folder = variants.place('reduced');
      await reduceCheckpoint({
        source: await openFolder(variants.withTensors(MASKING_HEAD)),
        tokenIdMap: TokenIdMap.create(
          125,
          Uint32Array.from({ length: 45 }, (_, id) => id),
        ),
        destination: await createFolder(folder),
        pemmicanVersion: '0.1.0',
        restrictsOutput: true,
      });
      return failureOf({ model: folder, options: { task: Task.MASKED_LM, restrictedSoftmax: true } });
    },
  },
  ofRun(PRECONDITION, 'MASK_TOKEN_MISSING', () => ({
    model: variants.withTensors(MASKING_HEAD, {
      'vocab.txt': readFileSync(path.join(model, 'vocab.txt'), 'utf8').replace('[MASK]', 'mask'),
    }),
    options: { task: Task.MASKED_LM },
  })),
  ofRun(INVALID, 'INVALID_DATA', () => ({
    model: variants.withTensors(MASKING_HEAD),
    train: variants.file('{"text":""}\n'.repeat(8)),
    options: { task: Task.MASKED_LM },
  })),
  ofRun(INVALID, 'INVALID_CHECKPOINT', () => {
    const folder = variants.place('checkpoint');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'trainer_state.json'), '{');
    return { resumeFromCheckpoint: folder };
  }),
  ofRun(INVALID, 'UNKNOWN_FORMAT', () => ({ train: variants.file('a', 'a.xyz') })),
  ofRun(INVALID, 'MALFORMED', () => ({ train: variants.file('{"text') })),
  ofRun(INVALID, 'INVALID_TEXT', () => ({ train: variants.file('{"text":1,"label":0}') })),
  ofRun(INVALID, 'INVALID_ANSWER', () => ({
    train: variants.file('{"question":"a","context":"b","answers":{"text":["c"],"answer_start":[9]}}'),
    dataset: { recordKind: RecordKind.QUESTIONS },
    options: { task: Task.QUESTION_ANSWERING },
  })),
  ofRun(INVALID, 'INVALID_JSON', () => ({ model: variants.with({ 'config.json': '{' }) })),
  ofRun(INVALID, 'INVALID_TOKENIZER', () => ({
    model: variants.with({ 'tokenizer.json': '{"model":{"type":"BPE"}}' }),
  })),
]);

/** Kills the next process that this one forks. */
async function killNextChild(): Promise<void> {
  const earlier = new Set(childIdsOf(process.pid));
  for (;;) {
    const child = childIdsOf(process.pid).find((id) => !earlier.has(id));
    if (child !== undefined) {
      process.kill(child, 'SIGKILL');
      return;
    }
    await delay(10);
  }
}
