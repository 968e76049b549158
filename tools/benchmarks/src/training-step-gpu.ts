/**
 * {@link file://./training-step.ts} on a GPU: step time and device memory (NVML) beside PyTorch, the reference PEMA and PEFT, all
 * programs in turns, on random weights in the shapes of published models: `node tools/benchmarks/src/training-step-gpu.ts
 * [--steps 20] [--repeats 1] [--models ...] [--shapes 128] [--device gpu] [--output docs/benchmarks/training-step-gpu.md]`.
 * `PEMMICAN_BENCHMARK_PYTHON` names a Python with PyTorch for CUDA, transformers, PEFT and nvidia-ml-py.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { DeviceMemorySampler } from '@pemmican/device-memory';
import { WARM_UP_STEPS, measureAll, type MeasureOptions } from './training-step/measure.ts';
import { BF16_PROGRAMS, PROGRAMS, peerPython } from './training-step/programs.ts';
import { RANDOM_MODELS, makeRandomWorkload } from './training-step/random-workloads.ts';
import { lossLines, resultTable, savingTable, type StepResult } from './training-step/tables.ts';
import type { Workload } from './training-step/workloads.ts';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '20' },
    repeats: { type: 'string', default: '1' },
    models: { type: 'string', default: Object.keys(RANDOM_MODELS).join(',') },
    shapes: { type: 'string', default: '128' },
    device: { type: 'string', default: 'gpu' },
    output: { type: 'string' },
  },
});
const device = values.device === 'cpu' ? 'cpu' : 'gpu';
const [sample] = new DeviceMemorySampler({ useGpu: device === 'gpu' }).sample();
if (device === 'gpu' && sample?.source !== 'NVML')
  throw new Error('NVML finds no GPU here; --device cpu tries the programs');
const versions = execFileSync(
  peerPython(),
  ['-c', 'import torch, transformers, peft; print(torch.__version__, transformers.__version__, peft.__version__)'],
  { encoding: 'utf8' },
).trim();
const [torch, transformers, peft] = versions.split(' ');
const command = ['node tools/benchmarks/src/training-step-gpu.ts', ...process.argv.slice(2)].join(' ');
const work = mkdtempSync(path.join(tmpdir(), 'pemmican-benchmark-'));
const options: MeasureOptions = {
  programs: [...PROGRAMS, ...BF16_PROGRAMS],
  device,
  repeatCount: Number(values.repeats),
  planFile: path.join(work, 'plan.json'),
  onResults: writeReport,
};

/** The document so far: a machine that is lent for minutes may go before the last program. */
function writeReport(results: readonly StepResult[]): string {
  const text = [
    '# Training step on a GPU: pemmican, PyTorch, the reference PEMA and PEFT side by side',
    '',
    `\`${command}\` on ${new Date().toISOString().slice(0, 10)}: ${sample?.deviceName ?? 'no GPU'}, Node ${process.version}, TensorFlow 2.21.0, PyTorch ${torch}, transformers ${transformers}, PEFT ${peft}.`,
    '',
    `Random weights in the shapes of published models, batches of random kept ids; AdamW, clipping at 1, float32 (no TF32) or matrix products in bfloat16, no dropout. Median step after ${WARM_UP_STEPS} warm-up steps, ${values.repeats} process(es) each, all programs in turns. Peak is what NVML says that the device holds more at the end than before the process; both programs' pools only grow. Base is the same with the library's context made and no model. Time and peak as shares: of the fastest peer, and of the smallest one that does not recompute.`,
    '',
    ...resultTable(results),
    '',
    '## What leaving rows out saves',
    '',
    ...savingTable(results),
    '',
    ...lossLines(results),
  ].join('\n');
  if (values.output !== undefined) writeFileSync(values.output, text);
  return text;
}

try {
  const makeNamed = (name: string): Promise<Workload> => makeRandomWorkload(name, Number(values.steps), work);
  console.log(writeReport(await measureAll(values.models, values.shapes, makeNamed, options)));
} finally {
  rmSync(work, { recursive: true, force: true });
}
