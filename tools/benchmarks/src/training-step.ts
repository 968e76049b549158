/**
 * Step time and peak process memory against PyTorch (eager, the same model folder and batches), full and reduced, both
 * programs in turns in one run: `node tools/benchmarks/src/training-step.ts [--steps 12] [--repeats 2] [--models ...]
 * [--output docs/benchmarks/training-step.md]`. The reduced folder of both is pemmican's own `reduce`. Of a file that is
 * there, what people wrote below the tables (from the heading "Goals" on) stays; its numbers are to be read again.
 * @module
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { engineEnvironment } from '@pemmican/engine';
import { reduceCheckpoint } from '@pemmican/embedding';
import { createFolder, openFolder } from '@pemmican/storage';
import { dataFile, modelFolder, oraclePython } from '@pemmican/testkit';
import { Tokenizer } from '@pemmican/tokenizer';
import { TokenIdMap } from '@pemmican/vocabulary';
import type { StepPlan, StepReport } from './training-step-plan.ts';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '12' },
    repeats: { type: 'string', default: '2' },
    models: { type: 'string', default: 'all-MiniLM-L6-v2,multilingual-e5-small' },
    shapes: { type: 'string', default: '16x128,dynamic' },
    output: { type: 'string' },
  },
});
const STEP_COUNT = Number(values.steps);
const REPEAT_COUNT = Number(values.repeats);
// The first steps pay for graph optimization, thread pools and first touches of memory.
const WARM_UP_STEPS = 3;
const BATCH_SIZE = 16;
const OPTIMIZED_BYTES_PER_PARAMETER = 16;

interface Row {
  readonly text: string;
  readonly class: number;
}

const readRows = (name: string): Row[] =>
  (JSON.parse(readFileSync(dataFile(`sentiment/${name}.json`), 'utf8')) as (Row | null)[]).filter(
    (row): row is Row => row !== null && (row.class as number | null) !== null,
  );
const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
const MEGABYTE = 1e6;
// What else the machine was doing when the run began.
const LOAD = loadavg()[0] ?? NaN;

/** Batches of real sentences, padded to the longest of each or, for 16x128, filled up to 128 tokens with real ids. */
function makeBatches(
  records: readonly Uint32Array[],
  labels: readonly number[],
  shape: string,
  padId: number,
): StepPlan['batches'] {
  return Array.from({ length: STEP_COUNT }, (_, step) => {
    const rows = Array.from({ length: BATCH_SIZE }, (_, row) => (step * BATCH_SIZE + row) % records.length);
    const full = (row: number): number[] => {
      const ids: number[] = [];
      for (let next = row; ids.length < 128; next = (next + 1) % records.length) ids.push(...(records[next] ?? []));
      return ids.slice(0, 128);
    };
    const ids = rows.map((row) => (shape === 'dynamic' ? Array.from(records[row] ?? []) : full(row)));
    const length = Math.max(...ids.map((row) => row.length));
    return {
      rowCount: BATCH_SIZE,
      length,
      inputIds: ids.flatMap((row) => [...row, ...Array<number>(length - row.length).fill(padId)]),
      attentionMask: ids.flatMap((row) => [
        ...Array<number>(row.length).fill(1),
        ...Array<number>(length - row.length).fill(0),
      ]),
      labels: rows.map((row) => labels[row] ?? 0),
    };
  });
}

async function runProgram(program: 'pemmican' | 'PyTorch', planFile: string): Promise<StepReport> {
  const [command, script] =
    program === 'pemmican' ? [process.execPath, 'training-step-child.ts'] : [oraclePython(), 'torch_training_step.py'];
  const environment = {
    ...process.env,
    ...(program === 'pemmican'
      ? { ...engineEnvironment(), NODE_COMPILE_CACHE: path.join(tmpdir(), 'pemmican-benchmark-compile-cache') }
      : { HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error', OMP_WAIT_POLICY: 'passive' }),
  };
  const { stdout } = await promisify(execFile)(command, [path.join(import.meta.dirname, script), planFile], {
    env: environment,
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as StepReport;
}

interface Result {
  readonly model: string;
  readonly arm: string;
  readonly shape: string;
  readonly program: string;
  readonly stepMs: number;
  readonly peakBytes: number;
  readonly baseBytes: number;
  readonly plannedBytes: number | undefined;
  readonly vocabRows: number;
  readonly hiddenSize: number;
  readonly lastLoss: number;
}

const work = mkdtempSync(path.join(tmpdir(), 'pemmican-benchmark-'));
const results: Result[] = [];
for (const name of values.models.split(',')) {
  const source = await openFolder(modelFolder(name));
  const config = JSON.parse(readFileSync(path.join(source.name, 'config.json'), 'utf8')) as {
    vocab_size: number;
    hidden_size: number;
  };
  const tokenizer = Tokenizer.fromJson(readFileSync(path.join(source.name, 'tokenizer.json')), {
    fileName: 'tokenizer.json',
  });
  const train = readRows('amazon');
  const encode = (row: Row): Uint32Array => tokenizer.encode(row.text, { maxLength: 128 }).ids;
  const records = train.map(encode);
  const used = new Set([...records, ...readRows('imdb').map(encode)].flatMap((ids) => Array.from(ids)));
  for (const id of tokenizer.specialTokenIds) used.add(id);
  const map = TokenIdMap.create(config.vocab_size, Uint32Array.from(used).sort());
  const reduced = path.join(work, name);
  await reduceCheckpoint({
    source,
    tokenIdMap: map,
    destination: await createFolder(reduced),
    pemmicanVersion: '0.1.0',
  });
  for (const shape of values.shapes.split(',')) {
    for (const arm of ['full', 'reduced'] as const) {
      const ids = arm === 'full' ? records : records.map((record) => map.mapToReduced(record, 'error'));
      const padId =
        arm === 'full' ? (tokenizer.padTokenId ?? 0) : Math.max(0, map.toReducedId(tokenizer.padTokenId ?? 0));
      const plan: StepPlan = {
        modelFolder: arm === 'full' ? source.name : reduced,
        gradientCheckpointing: false,
        batches: makeBatches(
          ids,
          train.map((row) => row.class),
          shape,
          padId,
        ),
      };
      const planFile = path.join(work, 'plan.json');
      writeFileSync(planFile, JSON.stringify(plan));
      const reports: Record<'pemmican' | 'PyTorch', StepReport[]> = { pemmican: [], PyTorch: [] };
      for (let repeat = 0; repeat < REPEAT_COUNT; repeat++)
        for (const program of ['pemmican', 'PyTorch'] as const)
          reports[program].push(await runProgram(program, planFile));
      for (const program of ['pemmican', 'PyTorch'] as const) {
        const own = reports[program];
        const result: Result = {
          model: name,
          arm,
          shape,
          program,
          stepMs: median(own.flatMap((report) => report.stepMs.slice(WARM_UP_STEPS))),
          peakBytes: median(own.map((report) => report.peakBytes)),
          baseBytes: median(own.map((report) => report.baseBytes)),
          plannedBytes: own[0]?.plannedBytes,
          vocabRows: arm === 'full' ? config.vocab_size : map.reducedVocabSize,
          hiddenSize: config.hidden_size,
          lastLoss: own[0]?.losses.at(-1) ?? NaN,
        };
        results.push(result);
        console.error(
          `${name} ${arm} ${shape} ${program}: ${result.stepMs.toFixed(0)} ms, ${(result.peakBytes / MEGABYTE).toFixed(0)} MB`,
        );
      }
    }
  }
}
rmSync(work, { recursive: true, force: true });

const megabytes = (bytes: number): string => (bytes / MEGABYTE).toFixed(0);
const lines = [
  '# Training step: pemmican and PyTorch side by side',
  '',
  `\`node tools/benchmarks/src/training-step.ts --steps ${STEP_COUNT} --repeats ${REPEAT_COUNT}\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores of ${cpus()[0]?.model ?? 'unknown'}, load ${LOAD.toFixed(2)} before the run, Node ${process.version}, TensorFlow 2.21.0 (CPU), PyTorch 2.15.0 (CPU, eager, 2 threads), transformers 5.23.0.`,
  `Batches of ${BATCH_SIZE} real sentences (npm sentiment, amazon), padded to the longest of each (dynamic) or filled to 128 tokens (16x128); AdamW, clipping at 1, float32, no dropout. Median step after ${WARM_UP_STEPS} warm-up steps; peak is VmHWM of the whole process, base its resident bytes with the libraries loaded and no model. Both programs read the same model folder and batches, in turns.`,
  '',
  '| model | rows | shape | program | step ms | peak MB | base MB | planned tensors MB | time ratio | peak ratio |',
  '| --- | ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |',
];
for (const result of results) {
  const peer = results.find(
    (other) =>
      other.program === 'PyTorch' &&
      other.model === result.model &&
      other.arm === result.arm &&
      other.shape === result.shape,
  );
  const ratio = (mine: number, theirs: number): string =>
    result.program === 'pemmican' ? `${(mine / theirs).toFixed(2)}` : '';
  lines.push(
    `| ${result.model} | ${result.vocabRows} (${result.arm}) | ${result.shape} | ${result.program} | ${result.stepMs.toFixed(0)} | ${megabytes(result.peakBytes)} | ${megabytes(result.baseBytes)} | ${result.plannedBytes === undefined ? '' : megabytes(result.plannedBytes)} | ${ratio(result.stepMs, peer?.stepMs ?? NaN)} | ${ratio(result.peakBytes, peer?.peakBytes ?? NaN)} |`,
  );
}
lines.push(
  '',
  '## What reducing saves',
  '',
  '| model | shape | program | dropped parameters | 16 bytes each, MB | measured saving, MB | share |',
  '| --- | --- | --- | ---: | ---: | ---: | ---: |',
);
for (const full of results.filter((result) => result.arm === 'full')) {
  const reduced = results.find(
    (result) =>
      result.arm === 'reduced' &&
      result.model === full.model &&
      result.shape === full.shape &&
      result.program === full.program,
  );
  if (reduced === undefined) continue;
  const dropped = (full.vocabRows - reduced.vocabRows) * full.hiddenSize;
  const [expected, saved] = [dropped * OPTIMIZED_BYTES_PER_PARAMETER, full.peakBytes - reduced.peakBytes];
  lines.push(
    `| ${full.model} | ${full.shape} | ${full.program} | ${dropped} | ${megabytes(expected)} | ${megabytes(saved)} | ${((100 * saved) / expected).toFixed(1)} % |`,
  );
}
lines.push(
  '',
  'Last losses (first repeat), to show that both do the same work up to their own new heads: ' +
    results
      .map((result) => `${result.model} ${result.arm} ${result.shape} ${result.program} ${result.lastLoss.toFixed(4)}`)
      .join('; ') +
    '.',
  '',
);
console.log(lines.join('\n'));
if (values.output !== undefined) {
  const earlier = existsSync(values.output) ? readFileSync(values.output, 'utf8') : '';
  const goals = earlier.indexOf('\n## Goals');
  writeFileSync(values.output, `${lines.join('\n')}${goals < 0 ? '' : earlier.slice(goals)}`);
}
