import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { RunState } from '@pemmican/contract/trainer';
import { freePort, makeTinyDataset, makeTinyModel } from '@pemmican/testkit';
import { runRequest } from './harness.ts';
import { TrainerProcess } from './trainer-process.ts';

const STEPS = 60;

/** Values of a scrape by series, without the labels that name the library. */
async function scrape(port: number): Promise<Map<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const split = line.lastIndexOf(' ');
      const series = line
        .slice(0, split)
        .replaceAll(/,?otel_scope_\w+="[^"]*"/g, '')
        .replace('{,', '{')
        .replace('{}', '');
      return [series, Number(line.slice(split + 1))];
    }),
  );
}

test(
  'the trainer tells Prometheus of calls, jobs, steps and memory, in as many series as runs at a time',
  { timeout: 300_000 },
  async (t) => {
    const work = mkdtempSync(path.join(tmpdir(), 'pemmican-metrics-'));
    const port = await freePort();
    const trainer = new TrainerProcess(work, {
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
      OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
    });
    await makeTinyModel(path.join(work, 'model'));
    await makeTinyDataset(path.join(work, 'train.jsonl'), 64);
    await trainer.start();
    t.after(async () => {
      await trainer.stop();
      rmSync(work, { recursive: true, force: true });
    });
    const fields = {
      model: path.join(work, 'model'),
      output: path.join(work, 'out'),
      train: path.join(work, 'train.jsonl'),
    };
    const { name } = await trainer.create(runRequest({ ...fields, options: { maxSteps: STEPS } }));
    const losses: number[] = [];
    let [tokenCount, lossAtScrape] = [0, NaN];
    for await (const { event } of trainer.watch(name, '')) {
      if (event?.$case !== 'step') continue;
      losses.push(event.value.loss);
      tokenCount += event.value.tokenCount;
      if (event.value.step === 5) {
        const now = await scrape(port);
        lossAtScrape = now.get(`pemmican_training_loss{pemmican_slot="0"}`) ?? NaN;
        assert.equal(now.get('pemmican_jobs{pemmican_collection="runs",pemmican_state="running"}'), 1);
        assert.ok(
          (now.get(`pemmican_run_memory_usage{pemmican_slot="0",pemmican_memory_source="host",hw_id="0"}`) ?? 0) > 50e6,
        );
      }
    }
    assert.ok(losses.includes(lossAtScrape), `the loss ${lossAtScrape} is one of the run's`);
    assert.equal((await trainer.get(name)).state, RunState.SUCCEEDED);
    await assert.rejects(trainer.get('runs/none'));

    const end = await scrape(port);
    assert.equal(end.get('pemmican_training_steps_total'), STEPS);
    assert.equal(end.get('pemmican_training_tokens_total'), tokenCount);
    assert.equal(end.get('pemmican_training_step_duration_count'), STEPS);
    assert.equal(end.get('pemmican_job_duration_count{pemmican_collection="runs",pemmican_state="succeeded"}'), 1);
    assert.equal(end.get('pemmican_jobs{pemmican_collection="runs",pemmican_state="running"}'), 0);
    const calls = (method: string, status: string): number | undefined =>
      end.get(
        `rpc_server_call_duration_count{rpc_system_name="grpc",rpc_method="pemmican.trainer.v1.TrainerService/${method}",rpc_response_status_code="${status}"}`,
      );
    assert.equal(calls('CreateRun', 'OK'), 1);
    assert.equal(calls('WatchRun', 'OK'), 1);
    assert.equal(calls('GetRun', 'OK'), 1);
    assert.equal(calls('GetRun', 'NOT_FOUND'), 1);
    assert.deepEqual(
      [...end.keys()].filter((series) => series.includes(name)),
      [],
      'no series by name',
    );
  },
);
