/**
 * What a week of runs costs the trainer: 10,000 runs with the events that runs have, how long the service takes to start over
 * them, and how long ListRuns takes. Prints docs/benchmarks/run-store.md; takes about five minutes and two hundred megabytes below
 * the system's temporary folder.
 *
 *   node tools/benchmarks/src/run-store.ts > docs/benchmarks/run-store.md
 * @module
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { ListRunsResponse, TrainerServiceService } from '@pemmican/contract/trainer';
import { RunStore } from '@pemmican/run-store';
import { CACHE_FOLDER, callMethod, endProcess, forkService } from '@pemmican/testkit';
import { storeRun } from './run-store/stored-runs.ts';

const RUN_COUNT = 10_000;
/** A run of 20 epochs of a small data set, sampled twice a second. */
const STEPS_PER_RUN = 50;
const SAMPLES_PER_RUN = 30;
/** Left as a killed service leaves them; they are paused, so that none is taken up. */
const PAUSED_COUNT = 20;
const CALLS = 300;
const LIMIT_MS = 50;

async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-run-store-'));
  try {
    const file = path.join(folder, 'runs.sqlite');
    const fillMs = fill(file);
    const starts: number[] = [];
    let service = await start(folder);
    starts.push(service.startMs);
    for (let count = 0; count < 4; count++) {
      await endProcess(service.child, 'SIGTERM');
      service = await start(folder);
      starts.push(service.startMs);
    }
    const emptyFolder = path.join(folder, 'empty');
    const empty = await start(emptyFolder);
    await endProcess(empty.child, 'SIGTERM');
    const client = new Client(service.address, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
    const rows = await measure(client);
    client.close();
    await endProcess(service.child, 'SIGTERM');
    print({ file, fillMs, starts, emptyStartMs: empty.startMs, rows });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Fills a store as a trainer would have; gives the milliseconds. */
function fill(file: string): number {
  const startMs = performance.now();
  const store = RunStore.open(file, { collection: 'runs' });
  for (let index = 0; index < RUN_COUNT; index++)
    storeRun(store, index, {
      stepCount: STEPS_PER_RUN,
      sampleCount: SAMPLES_PER_RUN,
      isPaused: index >= RUN_COUNT - PAUSED_COUNT,
    });
  store.close();
  return performance.now() - startMs;
}

interface Started {
  readonly child: ChildProcess;
  readonly address: string;
  readonly startMs: number;
}

async function start(folder: string): Promise<Started> {
  const address = `unix:${path.join(tmpdir(), `pemmican-run-store-${process.pid}-${path.basename(folder)}.sock`)}`;
  const startMs = performance.now();
  const { child, listening } = forkService('trainer', {
    PEMMICAN_LISTEN: address,
    PEMMICAN_STATE_DIRECTORY: folder,
    PEMMICAN_LOG_LEVEL: 'error',
    // As the command's launcher has it.
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? path.join(CACHE_FOLDER, 'compiled'),
  });
  await listening;
  return { child, address, startMs: performance.now() - startMs };
}

interface Row {
  readonly name: string;
  readonly runs: number;
  readonly bytes: number;
  readonly wallMs: readonly number[];
}

async function measure(client: Client): Promise<Row[]> {
  const list = async (pageSize: number, pageToken: string): Promise<{ bytes: Buffer; wallMs: number }> => {
    const startMs = performance.now();
    const [bytes = Buffer.alloc(0)] = await callMethod(client, TrainerServiceService.listRuns, [
      { pageSize, pageToken },
    ]);
    return { bytes, wallMs: performance.now() - startMs };
  };
  // By the very tokens that a client gets on its way through.
  const tokens: string[] = [''];
  let seen = 0;
  for (let token = ''; ;) {
    const page = ListRunsResponse.decode((await list(50, token)).bytes);
    seen += page.runs.length;
    token = page.nextPageToken;
    if (token === '') break;
    tokens.push(token);
  }
  if (seen !== RUN_COUNT) throw new Error(`ListRuns gave ${seen} runs of ${RUN_COUNT}`);
  const middle = tokens[Math.floor(tokens.length / 2)] ?? '';
  const cases: readonly (readonly [name: string, pageSize: number, token: () => string])[] = [
    ['first page of 50', 50, () => ''],
    ['middle page of 50', 50, () => middle],
    ['last page of 50', 50, () => tokens.at(-1) ?? ''],
    ['any page of 50', 50, () => tokens[Math.floor(Math.random() * tokens.length)] ?? ''],
    ['first page of 1000', 1000, () => ''],
    ['middle page of 1000', 1000, () => middle],
  ];
  const rows: Row[] = [];
  for (const [name, pageSize, token] of cases) {
    const wallMs: number[] = [];
    let bytes: Buffer = Buffer.alloc(0);
    for (let call = 0; call < CALLS; call++) {
      const answer = await list(pageSize, token());
      wallMs.push(answer.wallMs);
      bytes = answer.bytes;
    }
    rows.push({
      name,
      bytes: bytes.length,
      runs: ListRunsResponse.decode(bytes).runs.length,
      wallMs: wallMs.sort((a, b) => a - b),
    });
  }
  return rows;
}

function print(found: {
  file: string;
  fillMs: number;
  starts: readonly number[];
  emptyStartMs: number;
  rows: readonly Row[];
}): void {
  const { file, fillMs, starts, emptyStartMs, rows } = found;
  const at = (values: readonly number[], share: number): string =>
    (values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0).toFixed(1);
  const events = 5 + STEPS_PER_RUN + SAMPLES_PER_RUN + 6;
  const sorted = [...starts].sort((a, b) => a - b);
  const model = /model name\s*:\s*(.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown';
  const worst = rows.filter(({ name }) => name.endsWith(' 50')).map(({ wallMs }) => Number(at(wallMs, 0.95)));
  write(`# A week of runs

Printed by \`node tools/benchmarks/src/run-store.ts\`. A store of ${RUN_COUNT.toLocaleString('en')} runs with about ${events} events each (states,
phases, steps, samples of memory, evaluations, checkpoints, as runs have them; ${PAUSED_COUNT} of them paused, the others ended), filled
through \`libs/run-store\`, below a trainer in a process of its own, called over a Unix socket: the time of a call is a client's, from the
request to the last byte. ${CALLS} calls a line. ${cpus().length} cores (${model}), Node ${process.version}.

| ListRuns | runs | answer | p50 | p95 | max |
| --- | --- | --- | --- | --- | --- |
${rows.map(({ name, runs, bytes, wallMs }) => `| ${name} | ${runs} | ${(bytes / 1000).toFixed(0)} kB | ${at(wallMs, 0.5)} ms | ${at(wallMs, 0.95)} ms | ${at(wallMs, 1)} ms |`).join('\n')}

Pages are found by their key (\`row_number < token ORDER BY row_number DESC\`), so that the last one costs what the first one does. ListRuns
has no filter. ${Math.max(...worst) < LIMIT_MS ? `Every page of 50 is below ${LIMIT_MS} ms in 95 of 100 calls.` : `**A page of 50 is over ${LIMIT_MS} ms.**`}

| | |
| --- | --- |
| size of the store | ${(statSync(file).size / 1e6).toFixed(0)} MB |
| filling it | ${(fillMs / 1000).toFixed(1)} s, ${((RUN_COUNT * events) / (fillMs / 1000)).toFixed(0)} events a second, a transaction each |
| start of the trainer over it, to its first answer | ${at(sorted, 0.5)} ms (median of ${starts.length}; ${at(sorted, 0)} to ${at(sorted, 1)} ms) |
| start of a trainer without a run | ${emptyStartMs.toFixed(1)} ms |
`);
}

function write(text: string): void {
  process.stdout.write(text);
}

await main();
