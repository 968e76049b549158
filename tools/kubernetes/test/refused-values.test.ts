import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { KubernetesError } from '../src/error.ts';
import { renderChart } from '../src/helm.ts';
import { CHART_FOLDER } from '../src/places.ts';

/** What is set, and what helm has to say of it. */
const REFUSED: readonly (readonly [set: readonly string[], told: RegExp])[] = [
  [['trainer.replica=2'], /replica/],
  [['trainer.replicas=0'], /\/trainer\/replicas.*minimum/s],
  [['trainer.resources.limits.memory=lots'], /\/trainer\/resources\/limits\/memory/],
  [['trainer.tensorflow=tpu'], /\/trainer\/tensorflow/],
  [['trainer.tensorflow=gpu'], /\/trainer\/gpus/],
  [['trainer.gpus=1'], /\/trainer\/gpus/],
  [['trainer.terminationGracePeriodSeconds=60'], /terminationGracePeriodSeconds.*310/s],
  [['image.tag=latest'], /\/image\/tag/],
  [['tracing.collector.image.tag=latest'], /\/tracing\/collector\/image\/tag/],
  [['trainer.image.digest=sha256:abc'], /\/trainer\/image\/digest/],
  [['trainer.extraEnv.PEMMICAN_LISTEN=0.0.0.0:1'], /PEMMICAN_LISTEN/],
  [['trainer.extraEnv.PEMMICAN_LOG_LEVEL=debug'], /PEMMICAN_LOG_LEVEL/],
  [['trainer.store.size=0Gi'], /\/trainer\/store\/size/],
  [['trainer.store.size=500K'], /\/trainer\/store\/size/],
  [['fullnameOverride=a.b'], /fullnameOverride/],
  [['artifacts.volume.accessModes={ReadWriteSometimes}'], /accessModes/],
  [['artifacts.s3.enabled=true'], /\/artifacts\/s3\/prefixes/],
  [['artifacts.s3.enabled=true', 'artifacts.s3.prefixes={gs://bucket}'], /\/artifacts\/s3\/prefixes/],
  [['auth.jwt.keysUrl=http://login.example.com/keys'], /\/auth\/jwt\/keysUrl/],
  [['podSecurity.runAsUser=0'], /\/podSecurity\/runAsUser/],
  [['podDisruptionBudget.minAvailable=1'], /minAvailable/],
  [['serviceMesh.enabled=true'], /serviceMesh/],
  // What the schema cannot say, the chart does.
  [['artifacts.volume.enabled=false'], /enable artifacts.volume, artifacts.s3 or both/],
  [['tls.clientCa.secretName=authorities'], /set tls.secretName/],
  [['auth.jwt.issuer=https://login.example.com'], /keys, issuer and audience belong together/],
  [['tracing.collector.enabled=true', 'tracing.otlpEndpoint=http://traces:4317'], /otlpEndpoint has to be empty/],
  [['trainer.autoscaling.enabled=true', 'metrics.enabled=false'], /set metrics.enabled/],
  [['metrics.serviceMonitor.enabled=true', 'metrics.enabled=false'], /nothing to scrape/],
  [['trainer.autoscaling.enabled=true', 'trainer.autoscaling.minReplicas=9'], /minReplicas is more/],
];

test('values that mean nothing, or that would run badly, are refused with the place and the reason', async () => {
  // One after another would take twice as long on two cores.
  const outcomes = await Promise.all(
    REFUSED.map(async ([set, told]) => {
      try {
        await renderChart({ set });
        return `${set.join(' ')}: taken`;
      } catch (error) {
        if (!(error instanceof KubernetesError)) throw error;
        return told.test(error.message) ? '' : `${set.join(' ')}: ${error.message}`;
      }
    }),
  );
  assert.deepEqual(
    outcomes.filter((outcome) => outcome !== ''),
    [],
  );
});

test('extra variables are refused by the names that the chart has', () => {
  const templates = path.join(CHART_FOLDER, 'templates');
  const texts = readdirSync(templates).map((name) => readFileSync(path.join(templates, name), 'utf8'));
  const names = new Set(
    texts.flatMap((text) => [...text.matchAll(/name: ([A-Z][A-Z0-9_]{3,})/g)].map(([, name]) => name)),
  );
  const schema = JSON.parse(readFileSync(path.join(CHART_FOLDER, 'values.schema.json'), 'utf8')) as {
    $defs: { environment: { propertyNames: { not: { enum: string[] } } } };
  };
  const refused = schema.$defs.environment.propertyNames.not.enum;
  assert.deepEqual(
    [...names].filter((name) => name !== undefined && !refused.includes(name)),
    [],
  );
});
