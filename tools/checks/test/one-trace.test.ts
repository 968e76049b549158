import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findCollector } from '@pemmican/setup/observability';
import { freePort, makeTinyDataset, makeTinyModel, startOtlpReceiver, type OtlpReceiver } from '@pemmican/testkit';
import { REPOSITORY_ROOT } from '../src/step.ts';

// The OpenTelemetry Collector with the components that deploy/observability/collector names.
const collectorProgram = await findCollector();
const CONFIG = path.join(REPOSITORY_ROOT, 'deploy/observability/collector/collector.yaml');
const SERVICES = ['pemmican-vocabulary-analysis', 'pemmican-embedding-surgery', 'pemmican-trainer'];

/** The main job on a tiny model, told about as the environment says. */
async function run(t: TestContext, environment: Readonly<Record<string, string>>): Promise<void> {
  const work = mkdtempSync(path.join(tmpdir(), 'pemmican-trace-'));
  t.after(() => {
    rmSync(work, { recursive: true, force: true });
  });
  const [model, train, validation] = ['model', 'train.jsonl', 'validation.jsonl'].map((name) => path.join(work, name)) as [string, string, string]; // prettier-ignore
  await makeTinyModel(model);
  await makeTinyDataset(train, 64);
  await makeTinyDataset(validation, 32, 2);
  const files = ['--model', model, '--train-file', train, '--validation-file', validation];
  const command = path.join(REPOSITORY_ROOT, 'tools/cli/bin/pemmican.mjs');
  await promisify(execFile)(
    process.execPath,
    [command, 'run', ...files, '--num-train-epochs', '1', '--output', path.join(work, 'output')],
    // Services that the command starts tell warnings only.
    { env: { ...process.env, PEMMICAN_LOG_LEVEL: 'info', ...environment } },
  );
}

function assertOneTrace({ spans, logs }: OtlpReceiver): void {
  assert.deepEqual(new Set(spans.map((span) => span.traceId)).size, 1, 'one trace id');
  // What the services log of the jobs is told with the trace that they belong to.
  const told = logs.filter(({ body }) => body === 'job changed');
  assert.deepEqual(new Set(told.map(({ traceId }) => traceId)), new Set([spans[0]?.traceId]));
  for (const service of SERVICES)
    assert.ok(
      told.some(({ serviceName, attributes }) => serviceName === service && attributes['state'] === 'succeeded'),
      `${service} tells that a job has succeeded`,
    );
  const ids = new Set(spans.map((span) => span.spanId));
  const roots = spans.filter((span) => span.parentSpanId === '');
  assert.deepEqual(
    roots.map((span) => span.serviceName),
    ['pemmican-cli'],
    'one root: the command',
  );
  const orphans = spans.filter((span) => span.parentSpanId !== '' && !ids.has(span.parentSpanId));
  assert.deepEqual(orphans, [], 'every parent is there');
  const services = new Set(spans.map((span) => span.serviceName));
  for (const service of [
    'pemmican-cli',
    'pemmican-vocabulary-analysis',
    'pemmican-embedding-surgery',
    'pemmican-trainer',
    'pemmican-trainer-run',
  ]) {
    assert.ok(services.has(service), `${service} is in the trace, which has ${[...services].join(', ')}`);
  }
  const names = new Set(spans.map((span) => span.name));
  for (const name of [
    'tokenize and count train',
    'reduce',
    'restore',
    'run tokenize',
    'run build-graph',
    'run train',
    'step batch',
    'checkpoint',
    'run export',
    'pemmican.trainer.v1.TrainerService/CreateRun',
  ]) {
    assert.ok(names.has(name), `there is a span "${name}" among ${[...names].join(', ')}`);
  }
}

test(
  'a run leaves one trace over the command, three services and the process of the run, which logs name',
  { timeout: 300_000 },
  async (t) => {
    const receiver = await startOtlpReceiver();
    t.after(() => {
      receiver.close();
    });
    await run(t, {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRICS_EXPORTER: 'none',
    });
    assertOneTrace(receiver);
  },
);

test(
  'an OpenTelemetry Collector passes on the trace, the logs and the metrics of a run',
  {
    timeout: 300_000,
    skip:
      collectorProgram === undefined &&
      'no OpenTelemetry Collector (`npm run stack` builds one; PEMMICAN_OTEL_COLLECTOR names another)',
  },
  async (t) => {
    assert.ok(collectorProgram !== undefined);
    const receiver = await startOtlpReceiver();
    const [grpcPort, httpPort] = [await freePort(), await freePort()];
    const collector = spawn(
      collectorProgram.command,
      ['--config', CONFIG, '--set=service::telemetry::logs::level=warn'],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: {
          ...process.env,
          OTLP_GRPC_LISTEN: `127.0.0.1:${grpcPort}`,
          OTLP_HTTP_LISTEN: `127.0.0.1:${httpPort}`,
          OTLP_BACKEND: receiver.endpoint,
          OTLP_BACKEND_ENCODING: 'json',
        },
      },
    );
    t.after(() => {
      collector.kill();
      receiver.close();
    });
    const answers = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${httpPort}/v1/traces`).then(
        () => true,
        () => false,
      );
    while (!(await answers())) await delay(50);
    await run(t, {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${grpcPort}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    });
    // Its end makes the collector send what it holds.
    collector.kill('SIGTERM');
    await once(collector, 'exit');
    assertOneTrace(receiver);
    for (const service of SERVICES) {
      const names = new Set(
        receiver.metrics.filter(({ serviceName }) => serviceName === service).map(({ name }) => name),
      );
      assert.ok(names.has('rpc.server.call.duration'), `${service} measures calls among ${[...names].join(', ')}`);
    }
    assert.ok(receiver.metrics.some(({ name }) => name === 'pemmican.training.steps'));
  },
);
