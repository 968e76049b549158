/**
 * What a thousand watchers cost a run: the same steps of MiniLM on real sentences, watched by one and by many, in turns. Watchers
 * would be on other machines, so their processes get only what the cores leave idle (Linux' idle policy, by util-linux' `chrt`);
 * what the service does for them is not held back. Measured twice: where the training has all cores and so shares them with the service,
 * and where it has the first one to itself (util-linux' `taskset`). Prints docs/benchmarks/watchers.md; takes some ten minutes.
 *
 *   node tools/benchmarks/src/watchers.ts [--watchers 1000] [--steps 60] [--repeats 2] > docs/benchmarks/watchers.md
 * @module
 */
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { RunSpec, RunState, TrainerServiceClient, type Run, type WatchRunResponse } from '@pemmican/contract/trainer';
import { Split } from '@pemmican/contract/vocabulary';
import { dataFile, endProcess, forkService, modelFolder } from '@pemmican/testkit';
import { median } from './tokenizer-speed/measurement.ts';
import { peakResidentBytes } from './tokenizer-speed/process-measures.ts';
import type { WatchersReport } from './watchers/watch-runs.ts';

const { values } = parseArgs({
  options: {
    watchers: { type: 'string', default: '1000' },
    steps: { type: 'string', default: '60' },
    repeats: { type: 'string', default: '2' },
  },
});
const [watcherCount, stepCount, repeatCount] = [values.watchers, values.steps, values.repeats].map(Number) as [number, number, number]; // prettier-ignore

// The first steps pay for graph optimization and first touches of memory.
const WARM_UP_STEPS = 5;
const PROCESS_COUNT = 4;
const GOAL = 0.01;
const WATCHERS = path.resolve(import.meta.dirname, 'watchers/watch-runs.ts');

/** Which cores the run's process has. */
type Placement = 'shared' | 'apart';
const TRAINING_CORE = 0;
const OTHER_CORES = `${TRAINING_CORE + 1}-${cpus().length - 1}`;
const CHILD_POLL_INTERVAL_MS = 50;

interface Measured {
  readonly watcherCount: number;
  readonly stepMs: number;
  readonly eventCount: number;
  /** CPU seconds of the service's own process while the run went on. */
  readonly serviceSeconds: number;
  readonly problems: readonly string[];
}

/** User and system seconds of a process so far. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function createRun(client: TrainerServiceClient, output: string): Promise<string> {
  const spec = RunSpec.fromPartial({
    modelUri: modelFolder('all-MiniLM-L6-v2'),
    outputUri: output,
    dataset: {
      files: [{ split: Split.TRAIN, uri: dataFile('sentiment/amazon.json') }],
      labelColumn: 'class',
      skipInvalid: true,
      maxSequenceLength: 128,
    },
    options: {
      maxSteps: stepCount,
      perDeviceTrainBatchSize: 16,
      saveSteps: stepCount,
      dropout: 0.1,
      learningRate: 2e-5,
    },
  });
  const run = await new Promise<Run | undefined>((resolve, reject) => {
    client.createRun({ requestId: '', validateOnly: false, spec }, (error, response) => {
      if (error === null) resolve(response.run);
      else reject(error);
    });
  });
  return run?.name ?? '';
}

function startWatchers(address: string, name: string, count: number, placement: Placement): Promise<WatchersReport> {
  const child = fork(WATCHERS, [address, name, String(count)], { execArgv: [] });
  execFileSync('chrt', ['--all-tasks', '--idle', '--pid', '0', String(child.pid)]);
  if (placement === 'apart') place(child.pid ?? 0, OTHER_CORES);
  return new Promise((resolve, reject) => {
    child.on('message', (message) => {
      resolve(message as WatchersReport);
    });
    child.on('exit', (code) => {
      reject(new Error(`Watchers ended with ${code}`));
    });
  });
}

/** Puts a process with all its threads, and what they start, on some cores. */
function place(pid: number, list: string): void {
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', list, String(pid)], { stdio: 'ignore' });
}

/** Waits for the process that the service starts for a run and gives it the training's core. */
async function placeRun(service: ChildProcess): Promise<void> {
  const { pid = 0 } = service;
  for (;;) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    if (children !== '') {
      for (const child of children.split(' ')) place(Number(child), String(TRAINING_CORE));
      return;
    }
    await setTimeout(CHILD_POLL_INTERVAL_MS);
  }
}

async function measure(
  { service, address, work, placement }: { service: ChildProcess; address: string; work: string; placement: Placement },
  count: number,
): Promise<Measured> {
  const client = new TrainerServiceClient(address, credentials.createInsecure());
  const name = await createRun(client, path.join(work, `out-${performance.now()}`));
  if (placement === 'apart') await placeRun(service);
  const processes = count === 0 ? 0 : PROCESS_COUNT;
  const others = Array.from({ length: processes }, () =>
    startWatchers(address, name, count / PROCESS_COUNT, placement),
  );
  const stepMs: number[] = [];
  let state = RunState.UNSPECIFIED as RunState;
  const before = cpuSeconds(service.pid ?? 0);
  for await (const { event } of client.watchRun({ name, resumeToken: '' }) as AsyncIterable<WatchRunResponse>) {
    if (event?.$case === 'step') stepMs.push(event.value.elapsedMs);
    if (event?.$case === 'stateChange') state = event.value.state;
  }
  const serviceSeconds = cpuSeconds(service.pid ?? 0) - before;
  if (state !== RunState.SUCCEEDED) throw new Error(`${name} ended in state ${state}`);
  const reports = await Promise.all(others);
  client.close();
  const eventCounts = new Set(reports.map(({ eventCount }) => eventCount));
  return {
    watcherCount: count,
    stepMs: median(stepMs.slice(WARM_UP_STEPS)),
    eventCount: reports[0]?.eventCount ?? 0,
    serviceSeconds,
    problems: [
      ...reports.flatMap(({ problems }) => problems),
      ...(eventCounts.size > 1 ? [`processes saw ${[...eventCounts].join(', ')} events`] : []),
    ],
  };
}

const HEADING: Readonly<Record<Placement, string>> = {
  shared: `## The training on all cores, which it shares with the service`,
  apart: `## The training on one core, the service on the others`,
};

/** A placement's table with what it says. */
function section(placement: Placement, results: readonly Measured[]): string {
  const of = (count: number): number =>
    median(results.filter((one) => one.watcherCount === count).map((one) => one.stepMs));
  const [alone, watched] = [of(0), of(watcherCount)];
  const slower = watched / alone - 1;
  const problems = results.flatMap((one) => one.problems);
  const line = (one: Measured): string => {
    const sent = (one.eventCount * one.watcherCount).toLocaleString('en');
    const ofOthers = one.watcherCount === 0 ? ['', '', ''] : [one.eventCount, sent, one.problems.length];
    const [eventCount, sentCount, problemCount] = ofOthers;
    return `| ${[one.watcherCount + 1, one.stepMs.toFixed(1), eventCount, sentCount, one.serviceSeconds.toFixed(1), problemCount].join(' | ')} |`;
  };
  return `${HEADING[placement]}

| watchers | step ms | events each | sent | service CPU s | lost, repeated or other events |
| ---: | ---: | ---: | ---: | ---: | --- |
${results.map(line).join('\n')}

- A step takes ${(100 * Math.abs(slower)).toFixed(1)} % ${slower < 0 ? 'less' : 'more'} time with them (goal: less than 1 % more, ${slower < GOAL ? 'met' : 'missed'}).
- ${problems.length === 0 ? 'Every watcher saw every event once, in order, with the same resume tokens.' : `Problems: ${problems.slice(0, 5).join('; ')}`}
- The service spends ${serviceMicroseconds(results).toFixed(0)} µs of CPU on an event of a watcher${placement === 'shared' ? ', which comes from the training' : ''}.
`;
}

/** CPU time of the service for one event of one watcher. */
function serviceMicroseconds(results: readonly Measured[]): number {
  const alone = median(results.filter((one) => one.watcherCount === 0).map((one) => one.serviceSeconds));
  const each = results
    .filter((one) => one.watcherCount > 0)
    .map((one) => (one.serviceSeconds - alone) / (one.eventCount * one.watcherCount));
  return 1e6 * median(each);
}

/** Runs of a service of their own, by turns with and without the watchers. */
async function measurePlacement(placement: Placement): Promise<{ results: Measured[]; peakBytes: number }> {
  const work = mkdtempSync(path.join(tmpdir(), 'pemmican-watchers-'));
  const { child: service, listening } = forkService('trainer', {
    PEMMICAN_LISTEN: `unix:${path.join(work, 'trainer.sock')}`,
    PEMMICAN_STATE_DIRECTORY: path.join(work, 'state'),
    PEMMICAN_LOG_LEVEL: 'error',
  });
  try {
    const address = await listening;
    if (placement === 'apart') place(service.pid ?? 0, OTHER_CORES);
    const results: Measured[] = [];
    for (let repeat = 0; repeat < repeatCount; repeat++)
      for (const count of [0, watcherCount]) results.push(await measure({ service, address, work, placement }, count));
    return { results, peakBytes: peakResidentBytes(service.pid) };
  } finally {
    await endProcess(service, 'SIGTERM');
    rmSync(work, { recursive: true, force: true });
  }
}

const [load = 0] = loadavg();
const shared = await measurePlacement('shared');
const apart = await measurePlacement('apart');
const command = ['node tools/benchmarks/src/watchers.ts', ...process.argv.slice(2)].join(' ');
process.stdout.write(`# A run with ${watcherCount.toLocaleString('en')} watchers

\`${command}\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores of ${cpus()[0]?.model ?? 'unknown'}, load ${load.toFixed(2)} before, Node ${process.version}.

Runs of ${stepCount} steps of all-MiniLM-L6-v2 (16 real sentences each, dropout, AdamW) by a trainer in a process of its own over a Unix
socket, one after the other, with one watcher and with ${watcherCount.toLocaleString('en')} more. The watchers, ${PROCESS_COUNT} processes, get what
cores leave idle. Step: median after ${WARM_UP_STEPS}, as the run's process measures it. Service: CPU time of the trainer's own process during the run.
Its peak was ${(Math.max(shared.peakBytes, apart.peakBytes) / 1e6).toFixed(0)} MB.

${section('shared', shared.results)}
${section('apart', apart.results)}`);
