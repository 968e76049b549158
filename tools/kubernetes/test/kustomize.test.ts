import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { imageName } from '@pemmican/images';
import { renderChart } from '../src/helm.ts';
import { kustomizeBase, staleBaseFiles } from '../src/kustomize-base.ts';
import { buildKustomization } from '../src/kustomize.ts';
import { nameOf, parseManifests, type Manifest } from '../src/manifest.ts';
import { KUSTOMIZE_FOLDER, REPOSITORY_FOLDER } from '../src/places.ts';
import { policyProblems } from '../src/policy/check.ts';
import { Schemas } from '../src/schemas.ts';
import { workloadsOf, type Container } from '../src/workload.ts';

const schemas = await Schemas.open();
const overlay = (name: string): Promise<Manifest[]> =>
  buildKustomization(path.join(KUSTOMIZE_FOLDER, 'overlays', name));
const containersOf = (manifests: readonly Manifest[]): Container[] =>
  workloadsOf(manifests).flatMap(({ pod }) => pod.containers);

test('the base is what the chart makes; a changed chart needs a new base', async () => {
  assert.deepEqual(await staleBaseFiles(), []);
});

test('the base has the resources of the chart, without what Helm alone reads', async () => {
  const [built, rendered, files] = await Promise.all([
    buildKustomization(path.join(KUSTOMIZE_FOLDER, 'base')),
    renderChart(),
    kustomizeBase(),
  ]);
  const isTest = ({ metadata }: Manifest): boolean => metadata.annotations?.['helm.sh/hook'] !== undefined;
  assert.deepEqual(
    built.map(nameOf).sort(),
    rendered
      .filter((each) => !isTest(each))
      .map(nameOf)
      .sort(),
  );
  assert.doesNotMatch([...files.values()].join(''), /helm\.sh|managed-by|namespace:/);
  // kubectl reads the files as we do.
  const parsed = [...files]
    .filter(([name]) => name !== 'kustomization.yaml')
    .flatMap(([name, text]) => parseManifests(text, name));
  const sorted = (manifests: Manifest[]): Manifest[] => manifests.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  assert.deepEqual(sorted(built), sorted(parsed));
});

describe('each overlay', () => {
  for (const name of ['cpu', 'gpu', 's3'])
    test(`${name}: Kubernetes' schemas and our policy`, async () => {
      const manifests = await overlay(name);
      assert.deepEqual(
        manifests.flatMap((manifest) => schemas.problemsOf(manifest)),
        [],
      );
      assert.deepEqual(policyProblems(manifests), []);
      assert.ok(manifests.every(({ metadata }) => metadata.namespace === 'pemmican'));
    });
});

test('the overlay for GPUs changes the image, the variable and the resources, and keeps the rest', async () => {
  const trainer = containersOf(await overlay('gpu')).find((container) => container.name === 'trainer');
  assert.equal(trainer?.image, imageName('trainer', '0.1.0', 'gpu'));
  assert.equal(trainer.env?.find((each) => each.name === 'PEMMICAN_TENSORFLOW')?.value, 'gpu');
  assert.deepEqual(trainer.resources, {
    requests: { cpu: '2', memory: '4Gi', 'nvidia.com/gpu': 1 },
    limits: { memory: '8Gi', 'nvidia.com/gpu': 1 },
  });
});

test('the overlay for buckets lets callers below the volume and the bucket', async () => {
  for (const { env } of containersOf(await overlay('s3')))
    assert.equal(env?.find((each) => each.name === 'PEMMICAN_ARTIFACT_ROOTS')?.value, '/data:s3://models');
});

test('the job that counts shards: schemas, our policy, and a variable for each that its process reads', async () => {
  const file = path.join(KUSTOMIZE_FOLDER, '../kubernetes/count-shards.yaml');
  const manifests = parseManifests(readFileSync(file, 'utf8'), file);
  assert.deepEqual(
    manifests.flatMap((manifest) => schemas.problemsOf(manifest)),
    [],
  );
  assert.deepEqual(policyProblems(manifests), []);
  const [container] = containersOf(manifests);
  const main = container?.command?.at(-1)?.replace('/app/', '') ?? '';
  assert.ok(existsSync(path.join(REPOSITORY_FOLDER, main)), main);
  assert.ok(container?.env?.some(({ name }) => name === 'PEMMICAN_SHARD_SPEC_FILE'));
});
