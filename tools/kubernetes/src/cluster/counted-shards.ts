import assert from 'node:assert/strict';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Metadata, credentials } from '@grpc/grpc-js';
import {
  AnalysisSpec,
  AnalysisState,
  CreateAnalysisRequest,
  MergeProfilesRequest,
  Split,
  VocabularyAnalysisServiceClient,
  type Analysis,
} from '@pemmican/contract/vocabulary';
import { parseManifests } from '../manifest.ts';
import { REPOSITORY_FOLDER } from '../places.ts';
import { addressOf, type Scene } from './scene.ts';
import { ARTIFACTS_PATH, POD_USER_ID } from './storage.ts';

const MANIFESTS = path.join(REPOSITORY_FOLDER, 'deploy/kubernetes/count-shards.yaml');
const SHARDS = 3;
const TIMEOUT_MS = 60_000;

/** The records of the main job in shards, counted by an Indexed Job and added up: what one analysis of all counts. */
export async function countedShards(scene: Scene): Promise<void> {
  const { transcript, kubectl, storage } = scene;
  transcript.heading('Counting as an Indexed Job');
  const recordCount = await cutIntoShards(storage.artifacts);
  const text = await readFile(MANIFESTS, 'utf8');
  // As they are in the repository, for images that are here.
  const here = text.replace('IfNotPresent', 'Never').replace(/(vocabulary-analysis:)[\w.]+/, `$1${scene.imageTag}`);
  await transcript.timed(`${SHARDS} pods counted a shard each; complete after`, async () => {
    await kubectl.apply(parseManifests(here, MANIFESTS));
    await kubectl.run(['wait', '--for=condition=complete', 'job/pemmican-count-shards', '--timeout=180s']);
  });
  transcript.output(await kubectl.run(['get', 'job,pods', '-l', 'app.kubernetes.io/component=count-shards']));
  const calls = await AnalysisCalls.open(scene);
  await calls.merge(`${ARTIFACTS_PATH}/merged.json`);
  await calls.analyze(`${ARTIFACTS_PATH}/whole.json`);
  calls.close();
  const read = (name: string): Promise<string> => readFile(path.join(storage.artifacts, name), 'utf8');
  assert.equal(await read('merged.json'), await read('whole.json'));
  transcript.note(`MergeProfiles wrote the very profile that one analysis of all ${recordCount} records writes`);
}

async function cutIntoShards(artifacts: string): Promise<number> {
  const lines = (await readFile(path.join(artifacts, 'train.jsonl'), 'utf8')).trimEnd().split('\n');
  for (const folder of ['shards', 'profiles']) {
    await mkdir(path.join(artifacts, folder));
    await chown(path.join(artifacts, folder), POD_USER_ID, POD_USER_ID);
  }
  for (let index = 0; index < SHARDS; index++) {
    const shard = lines.filter((_, line) => line % SHARDS === index);
    await writeFile(path.join(artifacts, `shards/${index}.jsonl`), `${shard.join('\n')}\n`);
  }
  return lines.length;
}

/** What is asked of vocabulary-analysis. */
class AnalysisCalls {
  readonly #client: VocabularyAnalysisServiceClient;
  readonly #metadata = new Metadata();

  private constructor(client: VocabularyAnalysisServiceClient, token: string) {
    this.#client = client;
    this.#metadata.set('authorization', `Bearer ${token}`);
  }

  static async open(scene: Scene): Promise<AnalysisCalls> {
    const { authorityFile, serverName, token } = scene.caller;
    const address = await addressOf(scene, 'vocabulary-analysis', 50051);
    const tls = credentials.createSsl(await readFile(authorityFile));
    const options = { 'grpc.ssl_target_name_override': serverName, 'grpc.enable_http_proxy': 0 };
    return new AnalysisCalls(new VocabularyAnalysisServiceClient(address, tls, options), token);
  }

  merge(outputUri: string): Promise<void> {
    const profileUris = Array.from({ length: SHARDS }, (_, index) => `${ARTIFACTS_PATH}/profiles/${index}.json`);
    const request = MergeProfilesRequest.fromPartial({ profileUris, outputUri });
    return new Promise((resolve, reject) => {
      this.#client.mergeProfiles(request, this.#metadata, { deadline: Date.now() + TIMEOUT_MS }, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  /** Counts all records at once, and waits for the end. */
  async analyze(profileUri: string): Promise<void> {
    const files = [{ split: Split.TRAIN, uri: `${ARTIFACTS_PATH}/train.jsonl` }];
    const dataset = { files, maxSequenceLength: 128 };
    const spec = AnalysisSpec.fromPartial({ modelUri: `${ARTIFACTS_PATH}/model`, dataset, profileUri });
    const { name } = await this.#create(CreateAnalysisRequest.fromPartial({ spec }));
    for await (const _ of this.#client.watchAnalysis({ name, resumeToken: '' }, this.#metadata)) continue;
    const analysis = await this.#get(name);
    assert.equal(analysis.state, AnalysisState.SUCCEEDED, analysis.error?.message);
  }

  close(): void {
    this.#client.close();
  }

  #create(request: CreateAnalysisRequest): Promise<Analysis> {
    return new Promise((resolve, reject) => {
      this.#client.createAnalysis(request, this.#metadata, (error, response) => {
        if (error !== null || response.analysis === undefined) reject(error ?? new Error('No analysis came'));
        else resolve(response.analysis);
      });
    });
  }

  #get(name: string): Promise<Analysis> {
    return new Promise((resolve, reject) => {
      this.#client.getAnalysis({ name, readMask: undefined }, this.#metadata, (error, response) => {
        if (error !== null || response.analysis === undefined) reject(error ?? new Error('No analysis came'));
        else resolve(response.analysis);
      });
    });
  }
}
