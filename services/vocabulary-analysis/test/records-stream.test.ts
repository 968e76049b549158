import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import {
  AnalysisSpec,
  AnalysisState,
  CreateAnalysisFromRecordsRequest,
  Split,
  type CreateAnalysisFromRecordsResponse,
  type VocabularyAnalysisServiceClient,
} from '@pemmican/contract/vocabulary';
import { makeTinyDataset, makeTinyModel, refusalOf } from '@pemmican/testkit';
import { analysisSpec, getAnalysis, runAnalysis, startService, temporaryFolder, watchAnalysis } from './harness.ts';

type Message = Parameters<typeof CreateAnalysisFromRecordsRequest.fromPartial>[0];

function send(
  client: VocabularyAnalysisServiceClient,
  messages: readonly Message[],
): Promise<CreateAnalysisFromRecordsResponse> {
  return new Promise((resolve, reject) => {
    const call = client.createAnalysisFromRecords((error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
    for (const message of messages) call.write(CreateAnalysisFromRecordsRequest.fromPartial(message));
    call.end();
  });
}

const spec = (modelUri: string): Message => ({
  content: { $case: 'spec', value: AnalysisSpec.fromPartial({ modelUri }) },
});
const batch = (split: Split, records: readonly { text: string; textPair?: string }[]): Message => ({
  content: { $case: 'batch', value: { split, records: [...records] } },
});

test('createAnalysisFromRecords counts what is streamed as it counts a file, and keeps nothing of it', async (t) => {
  const folder = temporaryFolder(t);
  const model = path.join(folder, 'model');
  await makeTinyModel(model);
  const file = path.join(folder, 'train.jsonl');
  await makeTinyDataset(file, 100);
  const records = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => ({ text: (JSON.parse(line) as { text: string }).text }));
  const client = await startService(t, folder);
  const validation = [{ text: 'word100 \u{1f600}\n"quoted"' }];
  const { analysis, recordCount } = await send(client, [
    spec(model),
    batch(Split.TRAIN, records.slice(0, 60)),
    batch(Split.VALIDATION, validation),
    batch(Split.TRAIN, records.slice(60)),
  ]);
  assert.equal(recordCount, 101);
  await watchAnalysis(client, analysis?.name ?? '');
  const { result, state, error } = await getAnalysis(client, analysis?.name ?? '');
  assert.equal(state, AnalysisState.SUCCEEDED, error?.message);
  writeFileSync(path.join(folder, 'validation.jsonl'), `${JSON.stringify(validation[0])}\n`);
  const expected = await runAnalysis(
    client,
    analysisSpec(model, [
      { split: Split.TRAIN, uri: file },
      { split: Split.VALIDATION, uri: path.join(folder, 'validation.jsonl') },
    ]),
  );
  assert.deepEqual(result, expected.result);
  assert.deepEqual(readdirSync(path.join(folder, 'state/records')), []);
});

test('createAnalysisFromRecords counts pairs with both texts', async (t) => {
  const folder = temporaryFolder(t);
  await makeTinyModel(path.join(folder, 'model'));
  const client = await startService(t, folder);
  const records = [
    { text: 'word1', textPair: 'word2 word3' },
    { text: 'word4', textPair: '' },
  ];
  const { analysis } = await send(client, [spec(path.join(folder, 'model')), batch(Split.TRAIN, records)]);
  await watchAnalysis(client, analysis?.name ?? '');
  const { result } = await getAnalysis(client, analysis?.name ?? '');
  // [CLS] word1 [SEP] word2 word3 [SEP], [CLS] word4 [SEP] [SEP]
  assert.equal(result?.splits[0]?.tokenCount, 10);
});

test('createAnalysisFromRecords refuses streams that are not as they must be and leaves nothing', async (t) => {
  const folder = temporaryFolder(t);
  const model = path.join(folder, 'model');
  await makeTinyModel(model);
  const client = await startService(t, folder, { PEMMICAN_MAX_UPLOAD_BYTES: '1000' });
  const withFiles = AnalysisSpec.fromPartial({
    modelUri: model,
    dataset: { files: [{ uri: '/x', split: Split.TRAIN }] },
  });
  const one = { text: 'word1' };
  const cases: readonly (readonly [Message[], string, string, RegExp])[] = [
    [[], 'INVALID_ARGUMENT', 'INVALID_FIELD', /spec: must be set in the first message/],
    [[batch(Split.TRAIN, [one])], 'INVALID_ARGUMENT', 'INVALID_FIELD', /spec: must be set in the first message/],
    [[spec(model)], 'INVALID_ARGUMENT', 'INVALID_FIELD', /no record was sent/],
    [[spec(model), spec(model)], 'INVALID_ARGUMENT', 'INVALID_FIELD', /batch: must be set/],
    [[{ content: { $case: 'spec', value: withFiles } }], 'INVALID_ARGUMENT', 'INVALID_FIELD', /files: must be empty/],
    [[spec(model), batch(Split.UNSPECIFIED, [one])], 'INVALID_ARGUMENT', 'INVALID_FIELD', /batch\.split: must be set/],
    [
      [spec(model), batch(Split.TRAIN, [one, { ...one, textPair: 'word2' }])],
      'INVALID_ARGUMENT',
      'INVALID_FIELD',
      /record 2 has a text_pair, unlike/,
    ],
    [
      [spec(model), batch(Split.TRAIN, [{ text: 'word1 '.repeat(200) }])],
      'RESOURCE_EXHAUSTED',
      'UPLOAD_TOO_LARGE',
      /more than 1000 bytes/,
    ],
    [[spec(''), batch(Split.TRAIN, [one])], 'INVALID_ARGUMENT', 'INVALID_FIELD', /spec\.model_uri/],
  ];
  for (const [messages, code, reason, message] of cases) {
    await assert.rejects(send(client, messages), (error) => {
      const failure = refusalOf(error);
      assert.deepEqual([failure.code, failure.reason], [code, reason], failure.message);
      assert.match(failure.message, message);
      return true;
    });
  }
  const root = path.join(folder, 'state/records');
  assert.deepEqual(readdirSync(root), []);

  const call = client.createAnalysisFromRecords(() => undefined);
  call.write(CreateAnalysisFromRecordsRequest.fromPartial(spec(model)));
  call.write(CreateAnalysisFromRecordsRequest.fromPartial(batch(Split.TRAIN, [one])));
  while (readdirSync(root).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  call.cancel();
  while (readdirSync(root).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

test('a service that starts removes records that a killed one left', async (t) => {
  const folder = temporaryFolder(t);
  const left = path.join(folder, 'state/records/0000.part');
  mkdirSync(left, { recursive: true });
  writeFileSync(path.join(left, 'train.jsonl'), '{"text": "word1"}\n');
  await startService(t, folder);
  assert.equal(existsSync(left), false);
});
