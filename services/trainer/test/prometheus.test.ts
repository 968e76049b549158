import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ensurePrometheus, type FoundProgram } from '@pemmican/setup/observability';
import { callRaw, freePort, makeTinyDataset, makeTinyModel } from '@pemmican/testkit';
import { OBSERVABILITY_FOLDER, askedExpression, readDashboards } from './dashboards.ts';
import { runRequest } from './harness.ts';
import { TrainerProcess } from './trainer-process.ts';

// Debian's package, unpacked into the cache where there is none on the machine and it can be had.
const found: FoundProgram | Error = await ensurePrometheus().catch((error: Error) => error);
const skip = found instanceof Error ? found.message : false;

const MAX_WAIT_MS = 60_000;

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly result: readonly unknown[] };
}

async function ask(port: number, question: string): Promise<Answer> {
  return (await (await fetch(`http://127.0.0.1:${port}/api/v1/${question}`)).json()) as Answer;
}

/**
 * Asks until there is a result.
 * @param endOf why there will be none any more
 */
async function untilAnswered(port: number, expression: string, endOf: () => string | undefined): Promise<void> {
  const deadline = performance.now() + MAX_WAIT_MS;
  for (;;) {
    const last = await ask(port, `query?query=${encodeURIComponent(expression)}`).catch((error: Error) => error);
    if (!(last instanceof Error) && (last.data?.result.length ?? 0) > 0) return;
    const end = endOf();
    assert.ok(end === undefined, end);
    const said = last instanceof Error ? `${last.message}: ${String(last.cause)}` : JSON.stringify(last);
    assert.ok(performance.now() < deadline, `${expression} has no result after ${MAX_WAIT_MS / 1000} s: ${said}`);
    await delay(200);
  }
}

test('a real Prometheus scrapes a run and answers what the dashboards ask', { timeout: 300_000, skip }, async (t) => {
  assert.ok(!(found instanceof Error));
  const work = mkdtempSync(path.join(tmpdir(), 'pemmican-prometheus-'));
  const [port, prometheusPort] = [await freePort(), await freePort()];
  const trainer = new TrainerProcess(work, {
    OTEL_METRICS_EXPORTER: 'prometheus',
    OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
    OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
  });
  await makeTinyModel(path.join(work, 'model'));
  await makeTinyDataset(path.join(work, 'train.jsonl'), 64);
  await trainer.start();
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [path.join(OBSERVABILITY_FOLDER, 'prometheus/alerts.yml')],
    scrape_configs: [{ job_name: 'pemmican-trainer', static_configs: [{ targets: [`127.0.0.1:${port}`] }] }],
  };
  writeFileSync(path.join(work, 'prometheus.yml'), JSON.stringify(config));
  const prometheus = spawn(found.command, [
    ...found.args,
    `--config.file=${path.join(work, 'prometheus.yml')}`,
    `--storage.tsdb.path=${path.join(work, 'prometheus')}`,
    `--web.listen-address=127.0.0.1:${prometheusPort}`,
    '--log.level=error',
  ]);
  let complaints = '';
  prometheus.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  prometheus.on('error', ({ message }) => (complaints += message));
  t.after(async () => {
    prometheus.kill();
    await trainer.stop();
    rmSync(work, { recursive: true, force: true });
  });
  const files = {
    model: path.join(work, 'model'),
    output: path.join(work, 'out'),
    train: path.join(work, 'train.jsonl'),
  };
  const { name } = await trainer.create(runRequest({ ...files, options: { maxSteps: 100_000 } }));
  await assert.rejects(trainer.get('runs/none'));
  // Both have the same name without their package, which panels show, and must not be two series of that name.
  for (const version of ['v1', 'v1alpha'])
    await callRaw(trainer.client, `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, []);
  // Rates need two scrapes of a run that makes steps.
  const rate = 'rate(pemmican_training_steps_total[1m]) > 0';
  await untilAnswered(prometheusPort, rate, () => {
    const { exitCode, signalCode } = prometheus;
    return exitCode === null && signalCode === null
      ? undefined
      : `Prometheus ended (${signalCode ?? exitCode}): ${complaints}`;
  });
  for (const { name: dashboard, panels } of readDashboards())
    for (const { title, targets } of panels)
      for (const { expr } of targets) {
        const { status, error, data } = await ask(
          prometheusPort,
          `query?query=${encodeURIComponent(askedExpression(expr))}`,
        );
        assert.equal(status, 'success', `${dashboard}: "${title}": ${error}`);
        // There is no GPU, and no job has ended.
        const isEmpty = expr.includes('hw_gpu') || expr.includes('pemmican_job_duration');
        if (!isEmpty) assert.ok((data?.result.length ?? 0) > 0, `${dashboard}: "${title}" shows nothing`);
      }
  const { data } = await ask(prometheusPort, 'alerts');
  assert.deepEqual(
    (data as unknown as { alerts: { state: string }[] }).alerts.filter(({ state }) => state === 'firing'),
    [],
  );
  await trainer.cancel(name);
});
