import { tmpdir } from 'node:os';
import path from 'node:path';
import { engineEnvironment } from '@pemmican/engine';
import { oraclePython } from '@pemmican/testkit';
import { runForJson } from '../tokenizer-speed/run-child.ts';
import type { Arm, StepPlan, StepReport } from './plan.ts';

/** A way to train, which gets a process of its own. */
export interface Program {
  readonly name: string;
  readonly isOurs: boolean;
  readonly arm: Arm;
  readonly gradientCheckpointing: boolean;
}

const ours = (name: string, arm: Arm, gradientCheckpointing = false): Program => ({
  name,
  isOurs: true,
  arm,
  gradientCheckpointing,
});
const theirs = (name: string, arm: Arm, gradientCheckpointing = false): Program => ({
  ...ours(name, arm, gradientCheckpointing),
  isOurs: false,
});

/** In the order in which they take turns. */
export const PROGRAMS: readonly Program[] = [
  ours('pemmican, full', 'full'),
  ours('pemmican, reduced', 'reduced'),
  ours('pemmican, full, recomputing', 'full', true),
  ours('pemmican, reduced, recomputing', 'reduced', true),
  theirs('PyTorch, full', 'full'),
  theirs('PyTorch, reference PEMA', 'reduced'),
  theirs('PyTorch, reference PEMA, recomputing', 'reduced', true),
  theirs('PEFT, trainable tokens', 'trainable-tokens'),
];

/** @param planFile JSON of the {@link StepPlan} */
export async function runProgram(program: Program, planFile: string): Promise<StepReport> {
  const [command, script, environment] = program.isOurs
    ? [
        process.execPath,
        'ours-child.ts',
        { ...engineEnvironment(), NODE_COMPILE_CACHE: path.join(tmpdir(), 'pemmican-benchmark-compile-cache') },
      ]
    : [
        oraclePython(),
        'torch_child.py',
        { HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error', OMP_WAIT_POLICY: 'passive' },
      ];
  return (await runForJson(command, [path.join(import.meta.dirname, script), planFile], environment)) as StepReport;
}

/** Whether a program leaves rows out of a tied language model's softmax: it trains on another loss then. */
export function trainsOtherLoss(program: Program, task: StepPlan['task']): boolean {
  return program.arm === 'reduced' && task === 'causal-lm';
}

/** Whether a program does the work at all: ours trains on another loss only when it is asked to by name. */
export function isApplicable(program: Program, task: StepPlan['task']): boolean {
  return !(program.isOurs && trainsOtherLoss(program, task));
}
