import type { ServerInterceptingCallInterface, ServerInterceptor } from '@grpc/grpc-js';
import { metrics } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { DeviceMemorySource, type DeviceMemorySample, type StepMetrics } from '@pemmican/contract/trainer';
import { JobMetrics } from '@pemmican/jobs';
import { serverMetrics } from '@pemmican/telemetry';
import { RunMetrics } from '../src/run-metrics.ts';

/** Labels that Prometheus itself puts on what it scrapes. */
const TARGET_LABELS = ['job', 'instance'];

/**
 * Every metric that the services have, with its labels, as a scrape shows them: each instrument of the product's own code records
 * once, a GPU's among them, and Prometheus' exporter writes it.
 */
export async function existingMetrics(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }));
  recordCall(serverMetrics());
  const jobs = new JobMetrics('runs', () => ({ waiting: 1, running: 1 }));
  jobs.end(3, new Date(0), new Date(1000));
  const runs = new RunMetrics();
  const step: StepMetrics = { step: 1, totalSteps: 2, loss: 1, gradNorm: 1, learningRate: 1, elapsedMs: 1, tokenCount: 1 } as StepMetrics; // prettier-ignore
  const sample = { source: DeviceMemorySource.NVML, deviceIndex: 0, deviceName: 'GPU', usedBytes: 1, totalBytes: 2, processBytes: 1, utilization: 0.5 } as DeviceMemorySample; // prettier-ignore
  runs.record('runs/1', { $case: 'step', value: step });
  runs.record('runs/1', { $case: 'deviceMemory', value: sample });
  const { resourceMetrics, errors } = await exporter.collect();
  if (errors.length > 0) throw new AggregateError(errors, 'Metrics cannot be collected');
  const existing = parseSeries(new PrometheusSerializer().serialize(resourceMetrics));
  existing.set('up', new Set(TARGET_LABELS));
  jobs.close();
  metrics.disable();
  return existing;
}

function recordCall(interceptor: ServerInterceptor): void {
  const ended = { sendStatus: () => undefined } as unknown as ServerInterceptingCallInterface;
  const method = { path: '/pemmican.trainer.v1.TrainerService/GetRun' } as Parameters<ServerInterceptor>[0];
  interceptor(method, ended).sendStatus({ code: 0, details: '' });
}

function parseSeries(scrape: string): Map<string, Set<string>> {
  const labels = new Map<string, Set<string>>();
  for (const [, name = '', inner = ''] of scrape.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+/gm)) {
    const own = labels.get(name) ?? new Set(TARGET_LABELS);
    for (const [, label = ''] of inner.matchAll(/(\w+)="/g)) own.add(label);
    labels.set(name, own);
  }
  return labels;
}
