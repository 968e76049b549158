import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { makeTinyDataset, makeTinyModel, startSpanCollector } from '@pemmican/testkit';
import { REPOSITORY_ROOT } from '../src/step.ts';

test(
  'a run leaves one trace over the command, three services and the process of the run, which logs name',
  { timeout: 300_000 },
  async (t) => {
    const work = mkdtempSync(path.join(tmpdir(), 'pemmican-trace-'));
    const collector = await startSpanCollector();
    t.after(() => {
      collector.close();
      rmSync(work, { recursive: true, force: true });
    });
    await makeTinyModel(path.join(work, 'model'));
    await makeTinyDataset(path.join(work, 'train.jsonl'), 64);
    await makeTinyDataset(path.join(work, 'validation.jsonl'), 32, 2);
    const command = path.join(REPOSITORY_ROOT, 'tools/cli/bin/pemmican.mjs');
    await promisify(execFile)(
      process.execPath,
      [
        command,
        'run',
        '--model',
        path.join(work, 'model'),
        '--train-file',
        path.join(work, 'train.jsonl'),
        '--validation-file',
        path.join(work, 'validation.jsonl'),
        '--num-train-epochs',
        '1',
        '--output',
        path.join(work, 'output'),
      ],
      {
        env: {
          ...process.env,
          OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
          OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
          OTEL_METRICS_EXPORTER: 'none',
          // Services that the command starts tell warnings only.
          PEMMICAN_LOG_LEVEL: 'info',
        },
      },
    );
    const { spans, logs } = collector;
    assert.deepEqual(new Set(spans.map((span) => span.traceId)).size, 1, 'one trace id');
    // What the services log of the jobs is told with the trace that they belong to.
    const told = logs.filter(({ body }) => body === 'job changed');
    assert.deepEqual(new Set(told.map(({ traceId }) => traceId)), new Set([spans[0]?.traceId]));
    for (const service of ['pemmican-vocabulary-analysis', 'pemmican-embedding-surgery', 'pemmican-trainer'])
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
  },
);
