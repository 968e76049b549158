import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Metadata, status as grpcStatus } from '@grpc/grpc-js';
import {
  AnalysisState,
  ListAnalysesRequest,
  Split,
  type AnalysisSpec,
  type VocabularyAnalysisServiceClient,
} from '@pemmican/contract/vocabulary';
import { artifactsFolder, ServiceContainer } from '@pemmican/images/testing';
import { dataFile, modelFolder } from '@pemmican/testkit';
import { analysisSpec, connect, createAnalysis, failureOf, runAnalysis } from './harness.ts';

const { folder, remove } = artifactsFolder('analysis');
let container: ServiceContainer;
let client: VocabularyAnalysisServiceClient;

before(async () => {
  cpSync(dataFile('sentiment/amazon.json'), path.join(folder, 'amazon.json'));
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'vocab.txt', 'model.safetensors'])
    cpSync(path.join(modelFolder('all-MiniLM-L6-v2'), name), path.join(folder, 'model', name));
  container = await ServiceContainer.start('vocabulary-analysis', { artifacts: folder });
  client = connect(container.address);
});
after(async () => {
  client.close();
  await container.remove();
  await remove();
});

const amazon = { split: Split.TRAIN, uri: '/data/amazon.json' };
// The labels' column is "class"; the last row of the file has none.
const spec = (): AnalysisSpec =>
  analysisSpec('/data/model', [amazon], { dataset: { labelColumn: 'class', skipInvalid: true } });

/** Lists analyses with a deadline; the code that it ends with. */
function listWithin(deadlineMs: number): Promise<number> {
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + deadlineMs };
    client.listAnalyses(ListAnalysesRequest.create(), new Metadata(), options, (error) => {
      resolve(error?.code ?? grpcStatus.OK);
    });
  });
}

test(
  'the service in its image finds the 2002 rows that PyTorch and transformers used',
  { timeout: 120_000 },
  async () => {
    const { state, result, error } = await runAnalysis(client, spec());
    assert.equal(state, AnalysisState.SUCCEEDED, error?.message);
    assert.deepEqual([result?.fullVocabSize, result?.reducedVocabSize], [30522, 2002]);
    // 1000 rows with 15054 tokens of 1999 kinds (tokenizers 0.23.3).
    const [train] = result?.splits ?? [];
    assert.deepEqual([train?.recordCount, train?.tokenCount, train?.distinctTokenCount], [1000, 15054, 1999]);
  },
);

test('a path outside of the volume of artifacts is refused, so that callers cannot have the container read', async () => {
  const outside = analysisSpec('/app', [amazon]);
  await assert.rejects(createAnalysis(client, outside), /is not below a folder that this service may use/);
});

test('a record that is not JSON is told by gRPC from inside the container, with the file and the line', async () => {
  writeFileSync(path.join(folder, 'broken.jsonl'), '{"text":"a","label":0}\n{"text"\n');
  const broken = analysisSpec('/data/model', [{ split: Split.TRAIN, uri: '/data/broken.jsonl' }]);
  const failure = failureOf(await runAnalysis(client, broken));
  assert.deepEqual([failure.code, failure.reason], ['INVALID_ARGUMENT', 'MALFORMED'], failure.message);
  assert.match(failure.message, /\/data\/broken\.jsonl.*2/);
});

test(
  'a container that is paused lets a call end at its deadline, and answers when it goes on',
  { timeout: 60_000 },
  async () => {
    await container.pause();
    try {
      const begin = performance.now();
      assert.equal(await listWithin(500), grpcStatus.DEADLINE_EXCEEDED);
      assert.ok(performance.now() - begin < 2000, 'not much later than the deadline');
    } finally {
      await container.unpause();
    }
    assert.equal(await listWithin(10_000), grpcStatus.OK);
  },
);

test('analyses are still there when the container was killed and has started again', { timeout: 60_000 }, async () => {
  const earlier = await runAnalysis(client, spec());
  await container.kill();
  await container.startAgain();
  const names = await new Promise<string[]>((resolve, reject) => {
    client.listAnalyses(ListAnalysesRequest.create(), (error, response) => {
      if (error === null) resolve(response.analyses.map(({ name }) => name));
      else reject(error);
    });
  });
  assert.ok(names.includes(earlier.name));
});
