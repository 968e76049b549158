import { tmpdir } from 'node:os';
import path from 'node:path';
import { engineEnvironment } from '@pemmican/engine';
import { oraclePython } from '@pemmican/testkit';
import { runForJson } from '../tokenizer-speed/run-child.ts';
import type { Arm, BenchmarkDevice, StepPlan, StepReport } from './plan.ts';

/** A way to train, which gets a process of its own. */
export interface Program {
  readonly name: string;
  readonly isOurs: boolean;
  readonly arm: Arm;
  readonly gradientCheckpointing: boolean;
  readonly bf16: boolean;
}

type Changes = Partial<Pick<Program, 'gradientCheckpointing' | 'bf16'>>;
const ours = (name: string, arm: Arm, changes: Changes = {}): Program => ({
  name,
  isOurs: true,
  arm,
  gradientCheckpointing: false,
  bf16: false,
  ...changes,
});
const theirs = (name: string, arm: Arm, changes: Changes = {}): Program => ({
  ...ours(name, arm, changes),
  isOurs: false,
});
const RECOMPUTING: Changes = { gradientCheckpointing: true };
const BF16: Changes = { bf16: true };

/** In the order in which they take turns. */
export const PROGRAMS: readonly Program[] = [
  ours('pemmican, full', 'full'),
  ours('pemmican, reduced', 'reduced'),
  ours('pemmican, full, recomputing', 'full', RECOMPUTING),
  ours('pemmican, reduced, recomputing', 'reduced', RECOMPUTING),
  theirs('PyTorch, full', 'full'),
  theirs('PyTorch, reference PEMA', 'reduced'),
  theirs('PyTorch, reference PEMA, recomputing', 'reduced', RECOMPUTING),
  theirs('PEFT, trainable tokens', 'trainable-tokens'),
];

/** Added to {@link PROGRAMS} where bfloat16 is what people train in. */
export const BF16_PROGRAMS: readonly Program[] = [
  ours('pemmican, full, bf16', 'full', BF16),
  ours('pemmican, reduced, bf16', 'reduced', BF16),
  theirs('PyTorch, full, bf16', 'full', BF16),
  theirs('PyTorch, reference PEMA, bf16', 'reduced', BF16),
];

// A machine with a GPU is there for minutes; elsewhere the usual limit holds.
const GPU_TIMEOUT_MS = 90_000;

/** Python with PyTorch, transformers and PEFT: the one that `PEMMICAN_BENCHMARK_PYTHON` names, or the oracles' (CPU only). */
export function peerPython(): string {
  return process.env['PEMMICAN_BENCHMARK_PYTHON'] ?? oraclePython();
}

/** @param planFile JSON of the {@link StepPlan} */
export async function runProgram(program: Program, planFile: string, device: BenchmarkDevice): Promise<StepReport> {
  const [command, script, environment] = program.isOurs
    ? [
        process.execPath,
        'ours-child.ts',
        {
          ...engineEnvironment(),
          PEMMICAN_TENSORFLOW: device,
          NODE_COMPILE_CACHE: path.join(tmpdir(), 'pemmican-benchmark-compile-cache'),
        },
      ]
    : [
        peerPython(),
        'torch_child.py',
        { HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error', OMP_WAIT_POLICY: 'passive' },
      ];
  return (await runForJson(
    command,
    [path.join(import.meta.dirname, script), planFile],
    environment,
    device === 'gpu' ? GPU_TIMEOUT_MS : undefined,
  )) as StepReport;
}

/** Whether a program leaves rows out of a tied language model's softmax: it trains on another loss then. */
export function trainsOtherLoss(program: Program, task: StepPlan['task']): boolean {
  return program.arm === 'reduced' && task === 'causal-lm';
}

/** Whether a program does the work at all: ours trains on another loss only when it is asked to by name. */
export function isApplicable(program: Program, task: StepPlan['task']): boolean {
  return !(program.isOurs && trainsOtherLoss(program, task));
}
