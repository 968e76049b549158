/**
 * Times `reduce` and `restore` of a 1.1 GB checkpoint beside `cp` of it, interleaved in one run, and prints a Markdown table.
 * `node tools/benchmarks/src/surgery-speed.ts [--rounds 3] [--output docs/benchmarks/surgery-speed.md]`; files go to
 * `.cache/benchmarks` (or PEMMICAN_CACHE_DIR).
 *
 * What is compared: pemmican flushes every file and folder to the disk before a restore counts as done, so `cp` is followed by
 * a flush of its copy (`sync FILE`), and is listed without it as well. All processes begin with the source in the page cache
 * and no dirty pages. Times are of whole processes, and of the work alone, as in a service that is running; memory is the
 * process's largest resident set.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CACHE_FOLDER } from '@pemmican/testkit';

import { makeCheckpoint, XLM_R_BASE_SHAPE } from './synthetic-checkpoint.ts';

const FOLDER = join(CACHE_FOLDER, 'benchmarks');
const SOURCE = join(FOLDER, 'xlm-r-base-shape');
const CHILD = join(import.meta.dirname, 'surgery-child.ts');
// A tenth of the vocabulary is kept: GLUE's tasks keep 1 % to 15 % of XLM-R's (the per-task table of transformer-smaller-training-vocab).
const KEPT_SHARE = '0.1';

interface Measurement {
  readonly elapsedMs: number;
  readonly peakResidentBytes: number;
  /** Without Node's start-up. */
  readonly workMs: number;
}

/** Runs a command under /usr/bin/time, which tells its largest resident set. */
function measure(command: readonly string[]): Measurement {
  const begun = performance.now();
  const { status, stdout, stderr } = spawnSync('/usr/bin/time', ['-f', 'peak %M', ...command], { encoding: 'utf8' });
  const elapsedMs = performance.now() - begun;
  if (status !== 0) throw new Error(`${command.join(' ')} failed:\n${stderr}`);
  const workMs = Number(/elapsed ([\d.]+)/.exec(stdout)?.[1] ?? elapsedMs);
  return { elapsedMs, workMs, peakResidentBytes: Number(/peak (\d+)/.exec(stderr)?.[1]) * 1024 };
}

interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  readonly output: string;
}

const path = (name: string): string => join(FOLDER, name);
const copyScript = 'cp "$0/model.safetensors" "$1" && sync "$1"';
const contenders: readonly Contender[] = [
  { name: 'cp', command: ['cp', join(SOURCE, 'model.safetensors'), path('copy')], output: path('copy') },
  { name: 'cp + sync', command: ['sh', '-c', copyScript, SOURCE, path('synced')], output: path('synced') },
  {
    name: 'reduce (10 % of the rows)',
    command: [process.execPath, CHILD, 'reduce', SOURCE, path('reduced'), KEPT_SHARE],
    output: path('reduced'),
  },
  {
    name: 'restore',
    command: [process.execPath, CHILD, 'restore', SOURCE, path('trained'), path('restored')],
    output: path('restored'),
  },
];

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, output: { type: 'string' } },
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError(`--rounds is ${values.rounds}, not a count`);
mkdirSync(FOLDER, { recursive: true });
await makeCheckpoint(SOURCE, XLM_R_BASE_SHAPE);
// What is restored is the reduced checkpoint itself: the work is that of a trained one.
rmSync(path('trained'), { recursive: true, force: true });
measure([process.execPath, CHILD, 'reduce', SOURCE, path('trained'), KEPT_SHARE]);

const measured = new Map<string, Measurement[]>(contenders.map(({ name }) => [name, []]));
for (let round = 0; round < rounds; round++) {
  // Another order each round, so that none always follows the same other.
  for (let turn = 0; turn < contenders.length; turn++) {
    const contender = contenders[(turn + round) % contenders.length];
    if (contender === undefined) continue;
    for (const { output } of contenders) rmSync(output, { recursive: true, force: true });
    spawnSync('sync', ['-f', FOLDER]);
    spawnSync('sh', ['-c', 'cat "$0" > /dev/null', join(SOURCE, 'model.safetensors')]);
    measured.get(contender.name)?.push(measure(contender.command));
  }
}
for (const { output } of contenders) rmSync(output, { recursive: true, force: true });

const lines: string[] = [];
const print = (line: string): void => {
  console.log(line);
  lines.push(line);
};
print('# Reduce and restore against cp\n');
print(
  `\`node tools/benchmarks/src/surgery-speed.ts --rounds ${rounds}\`, ${new Date().toISOString().slice(0, 10)}. On a machine that does other work too, ratios inside the run mean something, times do not.\n`,
);
const base = median((measured.get('cp + sync') ?? []).map(({ elapsedMs }) => elapsedMs));
const sizeBytes = statSync(join(SOURCE, 'model.safetensors')).size;
print(`Checkpoint of ${sizeBytes} bytes (XLM-R base's shape, float32), medians of ${rounds} interleaved rounds.\n`);
print(
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(2)}, Node ${process.version}\n`,
);
print(
  '| | process, median | fastest to slowest | relative to cp + sync | work alone, median | relative to cp + sync | peak resident |',
);
print('|---|---:|---:|---:|---:|---:|---:|');
for (const [name, runs] of measured) {
  const times = runs.map(({ elapsedMs }) => elapsedMs);
  const peak = Math.max(...runs.map(({ peakResidentBytes }) => peakResidentBytes));
  const range = `${Math.min(...times).toFixed(0)}-${Math.max(...times).toFixed(0)} ms`;
  const work = median(runs.map(({ workMs }) => workMs));
  const speed = (time: number): string => `${(base / time).toFixed(2)} x`;
  const columns = [
    `${median(times).toFixed(0)} ms`,
    range,
    speed(median(times)),
    `${work.toFixed(0)} ms`,
    speed(work),
    `${(peak / 1e6).toFixed(0)} MB`,
  ];
  print(`| ${name} | ${columns.join(' | ')} |`);
}
if (values.output !== undefined) writeFileSync(values.output, `${lines.join('\n')}\n`);
