/**
 * Step time and peak process memory beside PyTorch, PyTorch with the paper's reference PEMA, and PEFT's trainable tokens, all
 * programs in turns in one run: `node tools/benchmarks/src/training-step.ts [--steps 8] [--repeats 2] [--models ...]
 * [--shapes 128,dynamic] [--output docs/benchmarks/training-step.md]`. Of a file that is there, what people wrote below the
 * tables (from the heading "Notes" on) stays; its numbers are to be read again.
 * @module
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { WARM_UP_STEPS, measureAll, type MeasureOptions } from './training-step/measure.ts';
import { PROGRAMS } from './training-step/programs.ts';
import { goalLines, lossLines, resultTable, savingTable, type StepResult } from './training-step/tables.ts';
import { MODELS, SHAPES, makeWorkload, type Workload } from './training-step/workloads.ts';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '8' },
    repeats: { type: 'string', default: '2' },
    models: { type: 'string', default: Object.keys(MODELS).join(',') },
    shapes: { type: 'string', default: SHAPES.join(',') },
    output: { type: 'string' },
  },
});
const stepCount = Number(values.steps);
const repeatCount = Number(values.repeats);
const [load] = loadavg();
const command = ['node tools/benchmarks/src/training-step.ts', ...process.argv.slice(2)].join(' ');

const work = mkdtempSync(path.join(tmpdir(), 'pemmican-benchmark-'));
let results: StepResult[] = [];
const options: MeasureOptions = {
  programs: PROGRAMS,
  device: 'cpu',
  repeatCount,
  planFile: path.join(work, 'plan.json'),
};
try {
  const makeNamed = (name: string): Promise<Workload> => makeWorkload(name, stepCount, work);
  results = await measureAll(values.models, values.shapes, makeNamed, options);
} finally {
  rmSync(work, { recursive: true, force: true });
}

const lines = [
  '# Training step: pemmican, PyTorch, the reference PEMA and PEFT side by side',
  '',
  `\`${command}\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores of ${cpus()[0]?.model ?? 'unknown'}, load ${load?.toFixed(2)} before the run, Node ${process.version}, TensorFlow 2.21.0 (CPU), PyTorch 2.15.0 (CPU, eager), transformers 5.23.0, PEFT 0.21.2.`,
  '',
  `Batches of real sentences (npm sentiment, amazon), each row filled up to 128 tokens or padded to the longest of its batch (dynamic); AdamW, clipping at 1, float32, no dropout. The rows kept are those that amazon and imdb use. Median step after ${WARM_UP_STEPS} warm-up steps, ${repeatCount} processes each, all programs in turns; peak is VmHWM of the whole process, base its resident bytes with the libraries loaded and no model. Time and peak as shares: of the fastest peer, and of the smallest one that does not recompute.`,
  '',
  'The reference PEMA of a tied language model leaves rows out of the softmax: it trains on another loss, which pemmican does not do unasked. PEFT keeps the whole matrix and trains rows beside it.',
  '',
  ...resultTable(results),
  '',
  '## Goals',
  '',
  ...goalLines(results),
  '',
  '## What leaving rows out saves',
  '',
  ...savingTable(results),
  '',
  ...lossLines(results),
];
console.log(lines.join('\n'));
if (values.output !== undefined) {
  const earlier = existsSync(values.output) ? readFileSync(values.output, 'utf8') : '';
  const notes = earlier.indexOf('\n## Notes');
  writeFileSync(values.output, `${lines.join('\n')}${notes < 0 ? '' : earlier.slice(notes)}`);
}
