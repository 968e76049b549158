// Every line of docs/errors.md about this service, through its public interface.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';
import { readDescriptorSet } from '@pemmican/contract/descriptor-set';
import type { Status } from '@pemmican/contract/google';
import {
  AnalysisState,
  MergeProfilesRequest,
  RecordKind,
  Split,
  VocabularyAnalysisServiceService as service,
  type AnalysisSpec,
  type VocabularyAnalysisServiceClient,
} from '@pemmican/contract/vocabulary';
import { createLogger, startServer } from '@pemmican/rpc';
import {
  ModelVariants,
  callMethod,
  callNamed,
  makeTinyDataset,
  makeTinyModel,
  safetensorsOf,
  jobErrorCases,
  statusOfRefusal,
  testErrors,
} from '@pemmican/testkit';
import { createVocabularyAnalysisService, readConfig } from '../src/mod.ts';
import { analysisSpec, connect, createAnalysis, getAnalysis, runAnalysis } from './harness.ts';

const JOB = 'Analysis.error';
const CHECK = 'CreateAnalysis';
const work = mkdtempSync(path.join(tmpdir(), 'pemmican-errors-'));
const model = path.join(work, 'model');
const train = path.join(work, 'train.jsonl');
const profile = path.join(work, 'profile.json');
let client: VocabularyAnalysisServiceClient;
let finished = '';
let close = async (): Promise<void> => undefined;

before(async () => {
  await makeTinyModel(model);
  await makeTinyDataset(train, 20);
  const listen = `unix:${path.join(work, 'socket')}`;
  const hosted = createVocabularyAnalysisService(
    readConfig({
      PEMMICAN_LISTEN: listen,
      PEMMICAN_STATE_DIRECTORY: path.join(work, 'state'),
      PEMMICAN_LOG_LEVEL: 'silent',
      PEMMICAN_ARTIFACT_ROOTS: work,
      PEMMICAN_MAX_UPLOAD_BYTES: '1000',
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
  finished = (
    await runAnalysis(client, analysisSpec(model, [{ split: Split.TRAIN, uri: train }], { profileUri: profile }))
  ).name;
});
after(async () => {
  await close();
  rmSync(work, { recursive: true, force: true });
});

const variants = new ModelVariants(model, work);
const file = (content: string | Uint8Array, name?: string): string => variants.file(content, name);

type Fields = Parameters<typeof analysisSpec>[2];
const spec = (uri = train, fields: Fields = {}, modelUri = model): AnalysisSpec =>
  analysisSpec(modelUri, [{ split: Split.TRAIN, uri }], fields);

/** A spec that the check finds wrong, or that its job ends with. */
async function fails(where: string, asked: AnalysisSpec): Promise<Status> {
  if (where === CHECK) return statusOfRefusal(createAnalysis(client, asked, { validateOnly: true }));
  const { state, error } = await runAnalysis(client, asked);
  if (state !== AnalysisState.FAILED || error === undefined) throw new Error(`The analysis ended in state ${state}`);
  return error;
}

/** What a call by the method's name is refused with. */
function refused(name: string, ...requests: object[]): Promise<Status> {
  return statusOfRefusal(callNamed(client, service, name, ...requests));
}
const merge = (profileUris: string[], maxRows = 0): Promise<Status> =>
  refused(
    'MergeProfiles',
    MergeProfilesRequest.fromPartial({ profileUris, outputUri: path.join(work, 'merged.json'), maxRows }),
  );
const create = (fields: object): Promise<Status> => refused('CreateAnalysis', fields);
const records = (...contents: object[]): Promise<Status> =>
  refused('CreateAnalysisFromRecords', ...contents.map((content) => ({ content })));
const sent = { $case: 'spec', value: spec() };
const sentWithoutFiles = (): object => ({ $case: 'spec', value: analysisSpec(model, []) });
const batch = (text: string): object => ({ $case: 'batch', value: { split: Split.TRAIN, records: [{ text }] } });

const INVALID = 'INVALID_ARGUMENT';
const PRECONDITION = 'FAILED_PRECONDITION';
const both = [CHECK, JOB];

testErrors('pemmican.vocabulary.v1.VocabularyAnalysisService', [
  {
    where: ['GetAnalysis', 'WatchAnalysis', 'CancelAnalysis', 'DownloadProfile'],
    code: 'NOT_FOUND',
    reason: 'RESOURCE_NOT_FOUND',
    provoke: (where) => refused(where, { name: 'analyses/none', resumeToken: '', offset: 0 }),
  },
  { where: [CHECK], code: INVALID, reason: 'INVALID_FIELD', provoke: () => create({ requestId: '' }) },
  {
    where: ['CreateAnalysisFromRecords'],
    code: INVALID,
    reason: 'INVALID_FIELD',
    provoke: () => records(sent, batch('word1')),
  },
  {
    where: ['MergeProfiles'],
    code: INVALID,
    reason: 'INVALID_FIELD',
    provoke: () => merge([]),
  },
  {
    where: ['DownloadProfile'],
    code: INVALID,
    reason: 'INVALID_FIELD',
    provoke: (where) => refused(where, { name: finished, offset: -1 }),
  },
  {
    where: ['DownloadProfile'],
    code: 'OUT_OF_RANGE',
    reason: 'OFFSET_OUT_OF_RANGE',
    provoke: (where) => refused(where, { name: finished, offset: 1e9 }),
  },
  ...jobErrorCases(
    { get: 'GetAnalysis', list: 'ListAnalyses', watch: 'WatchAnalysis', cancel: 'CancelAnalysis' },
    refused,
    () => finished,
  ),
  {
    where: ['DownloadProfile'],
    code: PRECONDITION,
    reason: 'NOT_SUCCEEDED',
    provoke: async (where) => {
      const { name } = await runAnalysis(client, spec(file('')));
      return refused(where, { name, offset: 0 });
    },
  },
  {
    where: [CHECK],
    code: 'ALREADY_EXISTS',
    reason: 'REQUEST_ID_REUSED',
    provoke: async () => {
      const { name } = await createAnalysis(client, spec(), { requestId: 'once' });
      await waitFor(name);
      return create({ spec: spec(train, { maxRows: 50 }), requestId: 'once' });
    },
  },
  {
    where: [CHECK, 'CreateAnalysisFromRecords'],
    code: 'RESOURCE_EXHAUSTED',
    reason: 'QUEUE_FULL',
    provoke: async (where) => {
      const large = variants.place('large.jsonl');
      await makeTinyDataset(large, 100_000);
      const names: string[] = [];
      // One runs and one waits, after a moment: the first of the three may not have left the queue yet.
      for (let tries = 0; names.length < 2 && tries < 100; tries++)
        await createAnalysis(client, spec(large)).then(
          ({ name }) => names.push(name),
          () => undefined,
        );
      const status = await (where === CHECK
        ? create({ spec: spec(), requestId: '' })
        : records(sentWithoutFiles(), batch('word1')));
      for (const name of names) await callMethod(client, service.cancelAnalysis, [{ name }]).catch(() => undefined);
      for (const name of names) await waitFor(name);
      return status;
    },
  },
  {
    where: ['CreateAnalysisFromRecords'],
    code: 'RESOURCE_EXHAUSTED',
    reason: 'UPLOAD_TOO_LARGE',
    provoke: () => records(sentWithoutFiles(), batch('word1 '.repeat(500))),
  },
  {
    where: [CHECK, 'CreateAnalysisFromRecords', 'MergeProfiles'],
    code: 'PERMISSION_DENIED',
    reason: 'OUTSIDE_ROOTS',
    provoke: (where) => {
      if (where === 'MergeProfiles') return merge(['/etc/passwd']);
      const outside = analysisSpec('/etc', where === CHECK ? [{ split: Split.TRAIN, uri: train }] : []);
      return where === CHECK ? fails(where, outside) : records({ $case: 'spec', value: outside }, batch('word1'));
    },
  },
  // Files and folders.
  {
    where: both,
    code: 'NOT_FOUND',
    reason: 'NOT_FOUND',
    provoke: (where) => fails(where, spec(path.join(work, 'none.jsonl'))),
  },
  {
    where: ['MergeProfiles'],
    code: 'NOT_FOUND',
    reason: 'NOT_FOUND',
    provoke: () => merge([path.join(work, 'none.json')]),
  },
  { where: both, code: INVALID, reason: 'NOT_A_FILE', provoke: (where) => fails(where, spec(work)) },
  { where: ['MergeProfiles'], code: INVALID, reason: 'NOT_A_FILE', provoke: () => merge([work]) },
  { where: both, code: INVALID, reason: 'NOT_A_FOLDER', provoke: (where) => fails(where, spec(train, {}, train)) },
  {
    where: ['MergeProfiles'],
    code: INVALID,
    reason: 'NOT_A_FOLDER',
    provoke: () => merge([path.join(train, 'x.json')]),
  },
  {
    where: both,
    code: INVALID,
    reason: 'INVALID_NAME',
    provoke: (where) => fails(where, spec(path.join(work, 'x'.repeat(300)))),
  },
  {
    where: ['MergeProfiles'],
    code: INVALID,
    reason: 'INVALID_NAME',
    provoke: () => merge([path.join(work, 'x'.repeat(300))]),
  },
  {
    where: both,
    code: INVALID,
    reason: 'TOO_LARGE',
    provoke: (where) =>
      fails(where, spec(train, {}, variants.with({ 'tokenizer_config.json': ' '.repeat(20_000_001) }))),
  },
  {
    where: both,
    code: INVALID,
    reason: 'INVALID_JSON',
    provoke: (where) => fails(where, spec(train, {}, variants.with({ 'tokenizer_config.json': '{' }))),
  },
  {
    where: ['MergeProfiles'],
    code: INVALID,
    reason: 'INVALID_JSON',
    provoke: () => merge([file('{', 'profile.json')]),
  },
  {
    where: [JOB],
    code: INVALID,
    reason: 'NOT_A_FOLDER',
    way: 'a profile below a file',
    provoke: (where) => fails(where, spec(train, { profileUri: `${train}/p` })),
  },
  {
    where: [JOB],
    code: 'UNAVAILABLE',
    reason: 'DOWNLOAD_FAILED',
    provoke: (where) => fails(where, spec(train, {}, 'hf:owner/none')),
  },
  // Models.
  {
    where: both,
    code: 'NOT_FOUND',
    reason: 'MISSING_FILE',
    provoke: (where) => fails(where, spec(train, {}, variants.with({ 'config.json': undefined }))),
  },
  {
    where: both,
    code: INVALID,
    reason: 'INVALID_CONFIG',
    provoke: (where) => fails(where, spec(train, {}, variants.with({ 'config.json': '[]' }))),
  },
  {
    where: both,
    code: PRECONDITION,
    reason: 'SHAPE_MISMATCH',
    provoke: (where) => fails(where, spec(train, {}, variants.withConfig({ vocab_size: 9 }))),
  },
  {
    where: both,
    code: PRECONDITION,
    reason: 'UNSUPPORTED_MODEL',
    provoke: (where) =>
      fails(
        where,
        spec(
          train,
          {},
          variants.withHeader((header) => header.replace('word_embeddings', 'other')),
        ),
      ),
  },
  {
    where: both,
    code: PRECONDITION,
    reason: 'UNSUPPORTED_DTYPE',
    provoke: (where) => fails(where, spec(train, {}, halfBytes())),
  },
  {
    where: both,
    code: PRECONDITION,
    reason: 'ALREADY_REDUCED',
    provoke: (where) => fails(where, spec(train, {}, variants.with({ 'pemmican-token-id-map.json': '{}' }))),
  },
  {
    where: both,
    code: INVALID,
    reason: 'HEADER_TOO_SMALL',
    provoke: (where) => fails(where, spec(train, {}, variants.with({ 'model.safetensors': 'x' }))),
  },
  {
    where: both,
    code: INVALID,
    reason: 'HEADER_TOO_LARGE',
    provoke: (where) =>
      fails(where, spec(train, {}, variants.with({ 'model.safetensors': 'PK\u0003\u0004 a pickle in a zip' }))),
  },
  {
    where: both,
    code: INVALID,
    reason: 'INVALID_HEADER_LENGTH',
    provoke: (where) =>
      fails(where, spec(train, {}, variants.with({ 'model.safetensors': Buffer.from([99, 0, 0, 0, 0, 0, 0, 0]) }))),
  },
  {
    where: both,
    code: INVALID,
    reason: 'INVALID_HEADER_START',
    provoke: (where) =>
      fails(
        where,
        spec(
          train,
          {},
          variants.withHeader((header) => ` ${header}`),
        ),
      ),
  },
  {
    where: both,
    code: INVALID,
    reason: 'INVALID_HEADER',
    provoke: (where) =>
      fails(
        where,
        spec(train, {}, variants.with({ 'model.safetensors': Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0xff]) })),
      ),
  },
  {
    where: both,
    code: INVALID,
    reason: 'INVALID_HEADER_DESERIALIZATION',
    provoke: (where) =>
      fails(
        where,
        spec(
          train,
          {},
          variants.withHeader(() => '{"a":1}'),
        ),
      ),
  },
  {
    where: both,
    code: INVALID,
    reason: 'METADATA_INCOMPLETE_BUFFER',
    provoke: (where) => fails(where, spec(train, {}, variants.withCutWeights(9))),
  },
  {
    where: both,
    code: INVALID,
    reason: 'TENSOR_INVALID_INFO',
    provoke: (where) =>
      fails(
        where,
        spec(
          train,
          {},
          variants.withHeader((header) => header.replace('[125,32]', '[125,33]')),
        ),
      ),
  },
  {
    where: both,
    code: INVALID,
    reason: 'MISALIGNED_SLICE',
    provoke: (where) => {
      const header = '{"a":{"dtype":"F4","shape":[1,1],"data_offsets":[0,1]}}';
      return fails(
        where,
        spec(
          train,
          {},
          variants.withHeader(() => header),
        ),
      );
    },
  },
  {
    where: both,
    code: INVALID,
    reason: 'INVALID_INDEX',
    provoke: (where) =>
      fails(
        where,
        spec(train, {}, variants.with({ 'model.safetensors': undefined, 'model.safetensors.index.json': '[]' })),
      ),
  },
  // Tokenizers.
  {
    where: both,
    code: INVALID,
    reason: 'INVALID_TOKENIZER',
    provoke: (where) => fails(where, spec(train, {}, variants.with({ 'tokenizer.json': '{"model":{"type":"BPE"}}' }))),
  },
  {
    where: both,
    code: PRECONDITION,
    reason: 'UNSUPPORTED_COMPONENT',
    provoke: (where) =>
      fails(where, spec(train, {}, variants.with({ 'tokenizer.json': '{"model":{"type":"Other"}}' }))),
  },
  {
    where: [JOB],
    code: PRECONDITION,
    reason: 'TOKENIZER_TOO_LARGE',
    provoke: (where) => fails(where, spec(train, { keepTokenIds: [125] })),
  },
  {
    where: [JOB],
    code: INVALID,
    reason: 'INVALID_OPTION',
    provoke: (where) => fails(where, spec(train, { maxRows: 3 })),
  },
  {
    where: ['MergeProfiles'],
    code: INVALID,
    reason: 'INVALID_OPTION',
    provoke: () => merge([profile], 2),
  },
  {
    where: ['MergeProfiles'],
    code: INVALID,
    reason: 'INVALID_PROFILE',
    provoke: () => merge([file('{}', 'profile.json')]),
  },
  {
    where: ['MergeProfiles'],
    code: PRECONDITION,
    reason: 'PROFILE_MISMATCH',
    provoke: () =>
      merge([
        profile,
        file(
          readFileSync(profile, 'utf8').replace('"maxSequenceLength":128', '"maxSequenceLength":64'),
          'profile.json',
        ),
      ]),
  },
  // Data.
  { where: both, code: INVALID, reason: 'UNKNOWN_FORMAT', provoke: (where) => fails(where, spec(file('a', 'a.xyz'))) },
  { where: both, code: INVALID, reason: 'MALFORMED', provoke: (where) => fails(where, spec(file('{"text'))) },
  {
    where: both,
    code: INVALID,
    reason: 'INVALID_UTF8',
    provoke: (where) => fails(where, spec(file(Uint8Array.of(0x61, 0xe9, 10), 'a.txt'))),
  },
  { where: both, code: INVALID, reason: 'MISSING_COLUMN', provoke: (where) => fails(where, spec(file('{"a":1}'))) },
  { where: both, code: INVALID, reason: 'INVALID_TEXT', provoke: (where) => fails(where, spec(file('{"text":1}'))) },
  {
    where: both,
    code: INVALID,
    reason: 'MISSING_LABEL',
    provoke: (where) => fails(where, spec(file('{"text":"a","label":null}'))),
  },
  {
    where: both,
    code: INVALID,
    reason: 'INVALID_ANSWER',
    provoke: (where) =>
      fails(
        where,
        spec(file('{"question":"a","context":"b","answers":{"text":["c"],"answer_start":[9]}}'), {
          dataset: { recordKind: RecordKind.QUESTIONS },
        }),
      ),
  },
  { where: both, code: INVALID, reason: 'EMPTY', provoke: (where) => fails(where, spec(file(''))) },
  // Sequences.
  {
    where: both,
    code: PRECONDITION,
    reason: 'TEMPLATE_MISSING',
    provoke: (where) => fails(where, messages({})),
  },
  {
    where: both,
    code: PRECONDITION,
    reason: 'INVALID_TEMPLATE',
    provoke: (where) => fails(where, messages({ chatTemplate: '{% if %}' })),
  },
  {
    where: both,
    code: PRECONDITION,
    reason: 'TEMPLATE_TOO_LARGE',
    provoke: (where) => fails(where, messages({}, variants.with({ 'chat_template.jinja': ' '.repeat(200_000) }))),
  },
  {
    where: [JOB],
    code: INVALID,
    reason: 'INVALID_TEXT',
    way: 'a conversation that the template cannot render',
    provoke: (where) => fails(where, messages({ chatTemplate: "{{ raise_exception('no') }}" })),
  },
  {
    where: [JOB],
    code: PRECONDITION,
    reason: 'RENDERING_TOO_LARGE',
    provoke: (where) =>
      fails(
        where,
        messages({ chatTemplate: '{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}' }),
      ),
  },
  {
    where: [JOB],
    code: PRECONDITION,
    reason: 'EOS_TOKEN_MISSING',
    provoke: (where) =>
      fails(
        where,
        spec(file('{"prompt":"a","completion":"b"}'), { dataset: { recordKind: RecordKind.PROMPT_AND_COMPLETION } }),
      ),
  },
  {
    where: [JOB],
    code: PRECONDITION,
    reason: 'ASSISTANT_TOKENS_UNKNOWN',
    provoke: (where) => fails(where, messages({ assistantOnlyLoss: true, chatTemplate: '{{ messages[0].content }}' })),
  },
]);

function messages(dataset: NonNullable<Fields>['dataset'], modelUri = model): AnalysisSpec {
  const conversation = '{"messages":[{"role":"user","content":"word1"},{"role":"assistant","content":"word2"}]}\n';
  return spec(file(conversation), { dataset: { recordKind: RecordKind.MESSAGES, ...dataset } }, modelUri);
}

async function waitFor(name: string): Promise<void> {
  while ((await getAnalysis(client, name)).state < AnalysisState.SUCCEEDED)
    await new Promise((resolve) => setTimeout(resolve, 10));
}

/** A matrix whose rows have half a byte each. */
function halfBytes(): string {
  const header = '{"embeddings.word_embeddings.weight":{"dtype":"F4","shape":[2,1],"data_offsets":[0,1]}}';
  return variants.withConfig({ vocab_size: 2 }, { 'model.safetensors': safetensorsOf(header, new Uint8Array(1)) });
}
