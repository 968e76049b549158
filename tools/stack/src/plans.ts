import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { SERVICE_NAMES, probe, type ServiceName } from '@pemmican/images';
import type { FoundProgram } from '@pemmican/setup/observability';
import { COLLECTOR_CONFIG, type StackPlaces } from './places.ts';
import { HOST, type Ports } from './ports.ts';
import { prometheusConfig } from './prometheus-config.ts';
import type { ProgramPlan } from './running-program.ts';

/** A run's last checkpoint must fit in it. */
const SERVICE_STOP_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

/** A service on this machine, whose metrics are scraped and whose traces and logs go to the collector where there is one. */
export function servicePlan(name: ServiceName, ports: Ports, places: StackPlaces, hasCollector: boolean): ProgramPlan {
  const listen = `${HOST}:${ports[name]}`;
  return {
    name,
    command: process.execPath,
    args: [path.join(places.servicesFolder, name, 'src/main.ts')],
    environment: {
      PEMMICAN_LISTEN: listen,
      PEMMICAN_STATE_DIRECTORY: path.join(places.directory, 'state', name),
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_EXPORTER_PROMETHEUS_HOST: HOST,
      OTEL_EXPORTER_PROMETHEUS_PORT: String(ports[`${name}-metrics`]),
      ...(hasCollector ? collectorEnvironment(ports) : {}),
    },
    logFile: path.join(places.logs, `${name}.log`),
    askReady: () => probe(listen, process.env),
    stopTimeoutMs: SERVICE_STOP_TIMEOUT_MS,
  };
}

/** What makes services and command send to the collector. */
export function collectorEnvironment(ports: Ports): Readonly<Record<string, string>> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://${HOST}:${ports['otlp-grpc']}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
  };
}

/** The OpenTelemetry Collector with deploy/local/collector.yaml. */
export function collectorPlan({ command, args }: FoundProgram, ports: Ports, places: StackPlaces): ProgramPlan {
  return {
    name: 'collector',
    command,
    args: [...args, '--config', COLLECTOR_CONFIG],
    environment: {
      OTLP_GRPC_LISTEN: `${HOST}:${ports['otlp-grpc']}`,
      OTLP_HTTP_LISTEN: `${HOST}:${ports['otlp-http']}`,
      METRICS_HOST: HOST,
      METRICS_PORT: String(ports['collector-metrics']),
    },
    logFile: path.join(places.logs, 'collector.log'),
    // A GET is refused there, which is an answer.
    askReady: async () => void (await fetch(`http://${HOST}:${ports['otlp-http']}/v1/traces`)),
    stopTimeoutMs: STOP_TIMEOUT_MS,
  };
}

/** Prometheus with deploy/local/prometheus.yml, whose targets are this machine's ports. */
export function prometheusPlan(
  { command, args }: FoundProgram,
  ports: Ports,
  places: StackPlaces,
  hasCollector: boolean,
): ProgramPlan {
  const configFile = path.join(places.directory, 'prometheus.yml');
  const targets = Object.fromEntries([
    ...SERVICE_NAMES.map((name) => [`pemmican-${name}`, `${HOST}:${ports[`${name}-metrics`]}`] as const),
    ...(hasCollector ? [['opentelemetry-collector', `${HOST}:${ports['collector-metrics']}`] as const] : []),
  ]);
  writeFileSync(configFile, prometheusConfig(targets));
  return {
    name: 'prometheus',
    command,
    args: [
      ...args,
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${path.join(places.directory, 'prometheus')}`,
      '--storage.tsdb.retention.time=7d',
      `--web.listen-address=${HOST}:${ports.prometheus}`,
    ],
    logFile: path.join(places.logs, 'prometheus.log'),
    askReady: async () => {
      const { status } = await fetch(`http://${HOST}:${ports.prometheus}/-/ready`);
      if (status !== 200) throw new Error(`Prometheus answers ${status}`);
    },
    stopTimeoutMs: STOP_TIMEOUT_MS,
  };
}
