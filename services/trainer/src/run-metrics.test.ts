import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { metrics } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { DeviceMemorySource, type DeviceMemorySample, type StepMetrics } from '@pemmican/contract/trainer';
import { RunMetrics } from './run-metrics.ts';

const step = (loss: number): StepMetrics =>
  ({ step: 1, totalSteps: 4, loss, gradNorm: 1, learningRate: 1, elapsedMs: 1, tokenCount: 1 }) as StepMetrics;
const sample = { source: DeviceMemorySource.HOST, deviceIndex: 0, processBytes: 5e8 } as DeviceMemorySample;

/** What a scrape has of a metric: value by slot. */
function scraper(t: TestContext): (metric: string) => Promise<Record<string, string>> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }));
  t.after(() => {
    metrics.disable();
  });
  return async (metric) => {
    const { resourceMetrics } = await exporter.collect();
    const text = new PrometheusSerializer().serialize(resourceMetrics);
    const lines = text.matchAll(new RegExp(`^${metric}\\{.*pemmican_slot="(\\d+)".*\\} (\\S+)`, 'gm'));
    return Object.fromEntries([...lines].map(([, slot = '', value = '']) => [slot, value]));
  };
}

test('RunMetrics tells of runs by slots, and no longer of one that has ended', async (t) => {
  const scrape = scraper(t);
  const runs = new RunMetrics();
  for (const [name, loss] of [
    ['runs/1', 0.5],
    ['runs/2', 0.25],
  ] as const) {
    // prettier-ignore
    runs.record(name, { $case: 'step', value: step(loss) });
    runs.record(name, { $case: 'deviceMemory', value: sample });
  }
  assert.deepEqual(await scrape('pemmican_training_loss'), { 0: '0.5', 1: '0.25' });
  assert.deepEqual(await scrape('pemmican_run_memory_usage'), { 0: '500000000', 1: '500000000' });
  runs.end('runs/1');
  assert.deepEqual(await scrape('pemmican_training_loss'), { 0: 'NaN', 1: '0.25' });
  assert.deepEqual(await scrape('pemmican_run_memory_usage'), { 0: 'NaN', 1: '500000000' });
  // The next run has the free slot.
  runs.record('runs/3', { $case: 'step', value: step(0.125) });
  assert.deepEqual(await scrape('pemmican_training_loss'), { 0: '0.125', 1: '0.25' });
});
