import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { lintChart, renderChart } from '../src/helm.ts';
import { nameOf, type Manifest } from '../src/manifest.ts';
import { CHART_FOLDER, REPOSITORY_FOLDER } from '../src/places.ts';
import { policyProblems } from '../src/policy/check.ts';
import { Schemas } from '../src/schemas.ts';
import { workloadsOf, type Container } from '../src/workload.ts';

const VALUES_FOLDER = path.join(CHART_FOLDER, 'ci');
const valuesFile = (name: string): string => path.join(VALUES_FOLDER, `${name}-values.yaml`);

const schemas = await Schemas.open();

const named = (manifests: readonly Manifest[], name: string): Manifest => {
  const found = manifests.find((manifest) => nameOf(manifest) === name);
  assert.ok(found !== undefined, `there is no ${name} among ${manifests.map(nameOf).join(', ')}`);
  return found;
};
const containerOf = (manifests: readonly Manifest[], name: string): Container =>
  workloadsOf(manifests).find(({ manifest }) => manifest.metadata.name === name)!.pod.containers[0]!;
const variable = (container: Container, name: string): string | undefined =>
  container.env?.find((each) => each.name === name)?.value;

describe('each set of values', () => {
  const files = [undefined, ...readdirSync(VALUES_FOLDER).map((name) => path.join(VALUES_FOLDER, name))];
  assert.equal(files.length, 5);
  for (const file of files) {
    const input = file === undefined ? {} : { valuesFiles: [file] };
    test(`${file === undefined ? 'the defaults' : path.basename(file)}: helm lint, Kubernetes' schemas and our policy`, async () => {
      const [manifests] = await Promise.all([renderChart(input), lintChart(input)]);
      assert.ok(manifests.length > 0);
      assert.deepEqual(
        manifests.flatMap((manifest) => schemas.problemsOf(manifest)),
        [],
      );
      assert.deepEqual(policyProblems(manifests), []);
    });
  }
});

describe('the defaults', () => {
  let manifests: Manifest[] = [];
  before(async () => {
    manifests = await renderChart();
  });

  test('each service has one pod with a volume of its own, a headless service and one to call', () => {
    for (const [name, port] of [
      ['vocabulary-analysis', 50051],
      ['embedding-surgery', 50052],
      ['trainer', 50053],
    ] as const) {
      const set = named(manifests, `StatefulSet pemmican-${name}`)['spec'] as Record<string, unknown>;
      assert.equal(set['replicas'], 1);
      assert.equal(set['serviceName'], `pemmican-${name}-pods`);
      const service = named(manifests, `Service pemmican-${name}`)['spec'] as { ports: { port: number }[] };
      assert.deepEqual(
        service.ports.map((each) => each.port),
        [port],
      );
      assert.equal(variable(containerOf(manifests, `pemmican-${name}`), 'PEMMICAN_LISTEN'), `0.0.0.0:${port}`);
    }
  });

  test('a trainer is given the time in which a run writes its checkpoint', () => {
    // services/trainer/src/child-process.ts kills a run that has not ended by then.
    const source = readFileSync(path.join(REPOSITORY_FOLDER, 'services/trainer/src/child-process.ts'), 'utf8');
    const maxCancelMs = Number(/MAX_CANCEL_MS = ([\d_]+)/.exec(source)?.[1]?.replaceAll('_', ''));
    const trainer = workloadsOf(manifests).find(({ manifest }) => manifest.metadata.name === 'pemmican-trainer');
    assert.ok(maxCancelMs > 0);
    assert.ok(trainer!.pod.terminationGracePeriodSeconds! * 1000 > maxCancelMs);
  });

  test('there is no role, no scaler, no collector and no resource of an operator', () => {
    const kinds = [...new Set(manifests.map(({ kind }) => kind))].sort();
    assert.deepEqual(kinds, [
      'NetworkPolicy',
      'PersistentVolumeClaim',
      'PodDisruptionBudget',
      'Service',
      'ServiceAccount',
      'StatefulSet',
    ]);
  });

  test('every variable is one that a service reads', () => {
    const sources = ['libs', 'services'].flatMap((folder) =>
      readdirSync(path.join(REPOSITORY_FOLDER, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && /(?<!\.test)\.ts$/.test(entry.name))
        .filter((entry) => !entry.parentPath.includes('node_modules'))
        .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'utf8')),
    );
    const text = sources.join('\n');
    const names = manifests.length === 0 ? [] : containerOf(manifests, 'pemmican-trainer').env!.map(({ name }) => name);
    const own = names.filter((name) => name.startsWith('PEMMICAN_'));
    assert.ok(own.length > 8);
    assert.deepEqual(
      own.filter((name) => !text.includes(`'${name}'`) && !text.includes(`${name}:`)),
      [],
    );
  });
});

describe('everything at once', () => {
  let manifests: Manifest[] = [];
  before(async () => {
    manifests = await renderChart({ valuesFiles: [valuesFile('everything')], release: 'tuning' });
  });

  test('GPUs are requested and limited, and TensorFlow is told of them', () => {
    const trainer = containerOf(manifests, 'tuning-pemmican-trainer');
    assert.equal(trainer.resources?.requests?.['nvidia.com/gpu'], 2);
    assert.equal(trainer.resources?.limits?.['nvidia.com/gpu'], 2);
    assert.equal(trainer.image, 'registry.example.com:5000/team/pemmican/trainer-gpu:1.2.3');
    assert.equal(variable(trainer, 'PEMMICAN_TENSORFLOW'), 'gpu');
    assert.equal(
      named(manifests, 'StatefulSet tuning-pemmican-trainer').metadata.labels?.['kueue.x-k8s.io/queue-name'],
      'research',
    );
  });

  test('certificates, authorities and tokens are mounted whole and named to the service', () => {
    const analysis = containerOf(manifests, 'tuning-pemmican-vocabulary-analysis');
    assert.equal(variable(analysis, 'PEMMICAN_TLS_CERTIFICATE_FILE'), '/etc/pemmican/tls/tls.crt');
    assert.equal(variable(analysis, 'PEMMICAN_TLS_CLIENT_CA_FILE'), '/etc/pemmican/client-ca/ca.crt');
    assert.equal(variable(analysis, 'PEMMICAN_TOKENS_FILE'), '/etc/pemmican/tokens/tokens.csv');
    assert.equal(variable(analysis, 'PEMMICAN_JWT_KEYS'), 'https://login.example.com/keys');
    const mounts = new Map(analysis.volumeMounts?.map(({ name, mountPath }) => [name, mountPath]));
    for (const name of ['tls', 'client-ca', 'tokens']) assert.equal(mounts.get(name), `/etc/pemmican/${name}`);
  });

  test('callers are kept below the volume and the prefixes', () => {
    const surgery = containerOf(manifests, 'tuning-pemmican-embedding-surgery');
    assert.equal(variable(surgery, 'PEMMICAN_ARTIFACT_ROOTS'), '/data:s3://models/pemmican:s3://data');
    assert.match(surgery.image, /embedding-surgery@sha256:0123/);
  });

  test('a service of several replicas has no address that leads to any of them', () => {
    const names = manifests.map(nameOf);
    for (const name of ['vocabulary-analysis', 'embedding-surgery']) {
      assert.ok(!names.includes(`Service tuning-pemmican-${name}`));
      assert.ok(names.includes(`Service tuning-pemmican-${name}-pods`));
    }
    const scaler = named(manifests, 'HorizontalPodAutoscaler tuning-pemmican-vocabulary-analysis');
    assert.match(JSON.stringify(scaler), /"pemmican_jobs".*"pemmican_state":"queued"/);
  });

  test('services may call what the values name, and no other port', () => {
    const policy = named(manifests, 'NetworkPolicy tuning-pemmican-trainer')['spec'] as {
      egress: { ports: { port: number }[] }[];
    };
    assert.deepEqual(
      policy.egress.map(({ ports }) => ports.map(({ port }) => port)),
      [[53, 53], [9000, 443], [4317], [9000]],
    );
  });

  test('alerts are those of deploy/observability, word for word', () => {
    const source = readFileSync(path.join(REPOSITORY_FOLDER, 'deploy/observability/prometheus/alerts.yml'), 'utf8');
    assert.equal(readFileSync(path.join(CHART_FOLDER, 'files/alerts.yml'), 'utf8'), source);
    const rule = named(manifests, 'PrometheusRule tuning-pemmican');
    const { groups } = rule['spec'] as { groups: { rules: { alert: string }[] }[] };
    const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
    assert.deepEqual(
      alerts,
      [...source.matchAll(/alert: (\w+)/g)].map(([, name]) => name),
    );
  });
});

test('services are told to refuse models of a hub that is not enabled', async () => {
  const offline = async (input: Parameters<typeof renderChart>[0]): Promise<(string | undefined)[]> => {
    const manifests = await renderChart(input);
    return ['vocabulary-analysis', 'embedding-surgery', 'trainer'].map((name) =>
      variable(containerOf(manifests, `pemmican-${name}`), 'HF_HUB_OFFLINE'),
    );
  };
  assert.deepEqual(await offline({ valuesFiles: [valuesFile('s3')] }), ['1', '1', '1']);
  assert.deepEqual(await offline({}), [undefined, undefined, undefined]);
});

test('a trainer without a shared volume has one of its own for checkpoints', async () => {
  const manifests = await renderChart({ valuesFiles: [valuesFile('s3')] });
  const claims = (name: string): string[] =>
    workloadsOf(manifests)
      .find(({ manifest }) => manifest.metadata.name === `pemmican-${name}`)!
      .claimNames.slice();
  assert.deepEqual(claims('trainer'), ['store', 'artifacts']);
  assert.deepEqual(claims('embedding-surgery'), ['store']);
  const roots = (name: string): string | undefined =>
    variable(containerOf(manifests, `pemmican-${name}`), 'PEMMICAN_ARTIFACT_ROOTS');
  assert.equal(roots('trainer'), '/data:s3://models');
  assert.equal(roots('embedding-surgery'), 's3://models');
});
