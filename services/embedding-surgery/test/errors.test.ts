// Every line of docs/errors.md about this service, through its public interface.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';
import { readDescriptorSet } from '@pemmican/contract/descriptor-set';
import type { Status } from '@pemmican/contract/google';
import {
  EmbeddingSurgeryServiceService as service,
  SurgeryState,
  type EmbeddingSurgeryServiceClient,
  type SurgerySpec,
} from '@pemmican/contract/surgery';
import { createLogger, startServer } from '@pemmican/rpc';
import {
  ModelVariants,
  callMethod,
  callNamed,
  makeTinyModel,
  safetensorsOf,
  jobErrorCases,
  statusOfRefusal,
  testErrors,
} from '@pemmican/testkit';
import { createEmbeddingSurgeryService, readConfig } from '../src/mod.ts';
import { connect, createSurgery, reduceSpec, restoreSpec, runSurgery } from './harness.ts';

const JOB = 'Surgery.error';
const CHECK = 'CreateSurgery';
// The special tokens, and some words.
const KEPT = Array.from({ length: 20 }, (_, id) => id);
const work = mkdtempSync(path.join(tmpdir(), 'pemmican-errors-'));
const model = path.join(work, 'model');
const reduced = path.join(work, 'reduced');
const file = path.join(work, 'file');
const variants = new ModelVariants(model, work);
const reducedVariants = new ModelVariants(reduced, path.join(work, 'of-reduced'));
let client: EmbeddingSurgeryServiceClient;
let finished = '';
let close = async (): Promise<void> => undefined;

before(async () => {
  await makeTinyModel(model);
  mkdirSync(path.join(work, 'of-reduced'));
  writeFileSync(file, '');
  const listen = `unix:${path.join(work, 'socket')}`;
  const hosted = createEmbeddingSurgeryService(
    readConfig({
      PEMMICAN_LISTEN: listen,
      PEMMICAN_STATE_DIRECTORY: path.join(work, 'state'),
      PEMMICAN_LOG_LEVEL: 'silent',
      PEMMICAN_ARTIFACT_ROOTS: work,
      PEMMICAN_MAX_CONCURRENT_JOBS: '1',
      PEMMICAN_MAX_QUEUED_JOBS: '1',
      // Nothing listens there.
      HF_ENDPOINT: 'http://127.0.0.1:9',
    }),
  );
  const logger = createLogger('test', 'silent');
  const server = await startServer({ services: hosted.services, listen, descriptorSet: readDescriptorSet(), logger });
  client = connect(listen);
  close = async () => {
    client.close();
    await Promise.all([hosted.close(), server.stop(1000)]);
  };
  finished = (await runSurgery(client, reduceSpec({ modelUri: model, outputUri: reduced, keptTokenIds: KEPT }))).name;
});
after(async () => {
  await close();
  rmSync(work, { recursive: true, force: true });
});

/** What a call by the method's name is refused with. */
function refused(name: string, ...requests: object[]): Promise<Status> {
  return statusOfRefusal(callNamed(client, service, name, ...requests));
}

/** A spec that the check finds wrong, or that its job ends with. */
async function fails(where: string, asked: SurgerySpec): Promise<Status> {
  if (where === CHECK) return statusOfRefusal(createSurgery(client, asked, { validateOnly: true }));
  const { state, error } = await runSurgery(client, asked);
  if (state !== SurgeryState.FAILED || error === undefined) throw new Error(`The surgery ended in state ${state}`);
  return error;
}

type Reduce = Partial<Parameters<typeof reduceSpec>[0]>;
type Restore = Partial<Parameters<typeof restoreSpec>[0]>;
const reduce = (fields: Reduce = {}): SurgerySpec =>
  reduceSpec({ modelUri: model, outputUri: variants.place('output'), keptTokenIds: KEPT, ...fields });
const restore = (fields: Restore = {}): SurgerySpec =>
  restoreSpec({ modelUri: model, trainedUri: reduced, outputUri: variants.place('output'), ...fields });
const adapter = (fields: object, weights?: Buffer): string => {
  const folder = variants.place('adapter');
  mkdirSync(folder);
  const config = { peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['query'], base_model_name_or_path: model };
  writeFileSync(path.join(folder, 'adapter_config.json'), JSON.stringify({ ...config, ...fields }));
  if (weights !== undefined) writeFileSync(path.join(folder, 'adapter_model.safetensors'), weights);
  return folder;
};
const MANIFEST = 'pemmican-token-id-map.json';
/** A profile of the tiny model. */
function profile(changes: object): string {
  const digest = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const fields = {
    formatVersion: 1,
    pemmicanVersion: '0.1.0',
    tokenizerDigest: digest(readFileSync(path.join(model, 'vocab.txt'))),
    fullVocabSize: 125,
    hiddenSize: 32,
    maxSequenceLength: 128,
    unkTokenId: 1,
    splits: [],
    alwaysKeptTokenIds: [],
    keptTokenIds: KEPT,
    keptTokenIdsDigest: digest(new Uint8Array(Uint32Array.from(KEPT).buffer)),
    droppedTokenCount: 0,
    droppedOccurrenceCount: 0,
  };
  return variants.file(JSON.stringify({ ...fields, ...changes }), 'profile.json');
}

const INVALID = 'INVALID_ARGUMENT';
const PRECONDITION = 'FAILED_PRECONDITION';
const both = [CHECK, JOB];

/** A line that a spec leads to. */
const line = (
  where: readonly string[],
  code: string,
  reason: string,
  make: () => SurgerySpec,
  way?: string,
): Parameters<typeof testErrors>[1][number] => ({
  where,
  code,
  reason,
  ...(way === undefined ? {} : { way }),
  provoke: (place) => fails(place, make()),
});

testErrors('pemmican.surgery.v1.EmbeddingSurgeryService', [
  {
    where: ['GetSurgery', 'WatchSurgery', 'CancelSurgery'],
    code: 'NOT_FOUND',
    reason: 'RESOURCE_NOT_FOUND',
    provoke: (where) => refused(where, { name: 'surgeries/none', resumeToken: '' }),
  },
  { where: [CHECK], code: INVALID, reason: 'INVALID_FIELD', provoke: (where) => refused(where, { requestId: '' }) },
  line([CHECK, JOB], INVALID, 'INVALID_FIELD', () => reduce({ keptTokenIds: [125] }), 'an id without a row'),
  ...jobErrorCases(
    { get: 'GetSurgery', list: 'ListSurgeries', watch: 'WatchSurgery', cancel: 'CancelSurgery' },
    refused,
    () => finished,
  ),
  {
    where: [CHECK],
    code: 'ALREADY_EXISTS',
    reason: 'REQUEST_ID_REUSED',
    provoke: async (where) => {
      await callMethod(client, service.createSurgery, [{ spec: reduce(), requestId: 'once' }]);
      await new Promise((resolve) => setTimeout(resolve, 300));
      return refused(where, { spec: reduce({ padToMultipleOf: 8 }), requestId: 'once' });
    },
  },
  {
    where: [CHECK],
    code: 'RESOURCE_EXHAUSTED',
    reason: 'QUEUE_FULL',
    provoke: async () => {
      // Created at once: one of them runs, one waits, and the others find the queue full.
      const made = await Promise.allSettled(Array.from({ length: 8 }, () => createSurgery(client, reduce())));
      const refusal = made.find((outcome) => outcome.status === 'rejected');
      await new Promise((resolve) => setTimeout(resolve, 500));
      return statusOfRefusal(Promise.reject(refusal?.reason as Error));
    },
  },
  line([CHECK], 'PERMISSION_DENIED', 'OUTSIDE_ROOTS', () => reduce({ modelUri: '/etc' })),
  line([CHECK], 'PERMISSION_DENIED', 'OUTSIDE_ROOTS', () => reduce({ modelUri: 's3://bucket/model' }), 'a bucket'),
  // Files and folders.
  line(both, 'NOT_FOUND', 'NOT_FOUND', () => reduce({ modelUri: path.join(work, 'none') })),
  line(both, INVALID, 'NOT_A_FOLDER', () => reduce({ modelUri: file })),
  line(both, INVALID, 'NOT_A_FILE', () => reduce({ profileUri: work })),
  line(both, INVALID, 'INVALID_NAME', () => reduce({ modelUri: path.join(work, 'x'.repeat(300)) })),
  line(both, INVALID, 'TOO_LARGE', () =>
    restore({ trainedUri: reducedVariants.with({ 'adapter_config.json': ' '.repeat(10_000_001) }) }),
  ),
  line(both, INVALID, 'INVALID_JSON', () => reduce({ profileUri: variants.file('{', 'profile.json') })),
  line([JOB], PRECONDITION, 'DESTINATION_EXISTS', () => reduce({ outputUri: path.dirname(variants.file('mine')) })),
  line([JOB], 'UNAVAILABLE', 'DOWNLOAD_FAILED', () => reduce({ modelUri: 'hf:owner/none' })),
  // Models.
  line(both, 'NOT_FOUND', 'MISSING_FILE', () => restore({ trainedUri: model })),
  line(both, INVALID, 'INVALID_CONFIG', () => reduce({ modelUri: variants.with({ 'config.json': '[]' }) })),
  line(both, PRECONDITION, 'UNSUPPORTED_MODEL', () =>
    reduce({ modelUri: variants.withHeader((header) => header.replace('word_embeddings', 'other')) }),
  ),
  line(both, PRECONDITION, 'SHAPE_MISMATCH', () => reduce({ modelUri: variants.withConfig({ vocab_size: 9 }) })),
  line(both, PRECONDITION, 'UNSUPPORTED_DTYPE', () => {
    const header = '{"embeddings.word_embeddings.weight":{"dtype":"F4","shape":[2,1],"data_offsets":[0,1]}}';
    const weights = safetensorsOf(header, new Uint8Array(1));
    return reduce({ modelUri: variants.withConfig({ vocab_size: 2 }, { 'model.safetensors': weights }) });
  }),
  line([JOB], PRECONDITION, 'PAD_TOKEN_MOVED', () => reduce({ keptTokenIds: [1, 2] })),
  line(
    both,
    'NOT_FOUND',
    'MISSING_FILE',
    () => reduce({ modelUri: variants.with({ 'config.json': undefined }) }),
    'a model without a config',
  ),
  line(both, INVALID, 'HEADER_TOO_SMALL', () => reduce({ modelUri: variants.with({ 'model.safetensors': 'x' }) })),
  line(both, INVALID, 'HEADER_TOO_LARGE', () =>
    reduce({ modelUri: variants.with({ 'model.safetensors': 'PK\u0003\u0004 a pickle in a zip' }) }),
  ),
  line(both, INVALID, 'INVALID_HEADER_LENGTH', () =>
    reduce({ modelUri: variants.with({ 'model.safetensors': Buffer.from([99, 0, 0, 0, 0, 0, 0, 0]) }) }),
  ),
  line(both, INVALID, 'INVALID_HEADER', () =>
    reduce({ modelUri: variants.with({ 'model.safetensors': Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0xff]) }) }),
  ),
  line(both, INVALID, 'INVALID_HEADER_START', () =>
    reduce({ modelUri: variants.withHeader((header) => ` ${header}`) }),
  ),
  line(both, INVALID, 'INVALID_HEADER_DESERIALIZATION', () =>
    reduce({ modelUri: variants.withHeader(() => '{"a":1}') }),
  ),
  line(both, INVALID, 'METADATA_INCOMPLETE_BUFFER', () => reduce({ modelUri: variants.withCutWeights(9) })),
  line(both, INVALID, 'TENSOR_INVALID_INFO', () =>
    reduce({ modelUri: variants.withHeader((header) => header.replace('[125,32]', '[125,33]')) }),
  ),
  line(both, INVALID, 'VALIDATION_OVERFLOW', () =>
    reduce({ modelUri: variants.withHeader((header) => header.replace('[125,32]', '[2147483648,2147483648]')) }),
  ),
  line(both, INVALID, 'INVALID_OFFSET', () => reduce({ modelUri: variants.withHeader(overlapping) })),
  line(both, INVALID, 'MISALIGNED_SLICE', () =>
    reduce({ modelUri: variants.withHeader(() => '{"a":{"dtype":"F4","shape":[1,1],"data_offsets":[0,1]}}') }),
  ),
  line([JOB], INVALID, 'TOO_MANY_FILES', () => {
    const modelUri = variants.with({});
    mkdirSync(path.join(modelUri, 'a/b/c/d/e/f/g/h/i/j'), { recursive: true });
    return reduce({ modelUri });
  }),
  line(both, INVALID, 'INVALID_INDEX', () =>
    reduce({ modelUri: variants.with({ 'model.safetensors': undefined, 'model.safetensors.index.json': '[]' }) }),
  ),
  line(
    both,
    'NOT_FOUND',
    'MISSING_FILE',
    () => reduce({ modelUri: variants.with({ 'model.safetensors': undefined }) }),
    'a model without weights',
  ),
  // Which rows, and the map of them.
  line(both, INVALID, 'INVALID_PROFILE', () => reduce({ profileUri: variants.file('{}', 'profile.json') })),
  line(both, PRECONDITION, 'VOCAB_SIZE_MISMATCH', () => reduce({ profileUri: profile({ fullVocabSize: 200 }) })),
  line(both, PRECONDITION, 'TOKENIZER_MISMATCH', () =>
    reduce({ profileUri: profile({ tokenizerDigest: 'sha256:00' }) }),
  ),
  line(both, PRECONDITION, 'KEPT_TOKEN_IDS_MISMATCH', () =>
    reduce({ profileUri: profile({ keptTokenIds: [...KEPT, 90] }) }),
  ),
  line(both, PRECONDITION, 'UNSUPPORTED_TOKENIZER', () => reduce({ exportTokenizer: true })),
  line(both, INVALID, 'INVALID_TOKENIZER', () =>
    reduce({ exportTokenizer: true, modelUri: variants.with({ 'tokenizer.json': '{"model":{"type":"WordPiece"}}' }) }),
  ),
  line(both, INVALID, 'INVALID_MANIFEST', () => restore({ trainedUri: reducedVariants.with({ [MANIFEST]: '{}' }) })),
  line([JOB], PRECONDITION, 'MANIFEST_MISMATCH', () => restore({ modelUri: reducedVariants.with({}) })),
  line(both, PRECONDITION, 'UNKNOWN_DECAY', () => restore({ unusedRowDecay: true })),
  // Adapters.
  line([JOB], PRECONDITION, 'MISSING_TENSOR', () => {
    const name = 'base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight';
    const header = JSON.stringify({ [name]: { dtype: 'F32', shape: [2, 32], data_offsets: [0, 256] } });
    return restore({ trainedUri: adapter({}, safetensorsOf(header, new Uint8Array(256))) });
  }),
  line(both, INVALID, 'INVALID_CONFIG', () => restore({ trainedUri: adapter({ r: -1 }) }), 'an adapter without a rank'),
]);

/** The header with the offsets of one tensor at another of the same size. */
function overlapping(header: string): string {
  const tensors = JSON.parse(header) as Record<string, { shape: number[]; data_offsets: [number, number] }>;
  const [first, second] = Object.values(tensors).filter(
    (tensor) => (tensor as { shape?: number[] }).shape?.join() === '32',
  );
  if (first !== undefined && second !== undefined) second.data_offsets = first.data_offsets;
  return JSON.stringify(tensors);
}
