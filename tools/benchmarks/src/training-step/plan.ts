import type { Task } from '@pemmican/models';

/** What a program trains: every row; the used rows alone (partial embedding matrix adaptation); PEFT's trainable tokens. */
export type Arm = 'full' | 'reduced' | 'trainable-tokens';

/** Where a program computes. */
export type BenchmarkDevice = 'cpu' | 'gpu';

export interface BatchPlan {
  readonly rowCount: number;
  readonly length: number;
  /** `[rowCount, length]`. */
  readonly inputIds: readonly number[];
  /** `[rowCount, length]`, 1 for tokens and 0 for padding. */
  readonly attentionMask: readonly number[];
  /** `[rowCount]`; not read in language modeling, where each token predicts the next one. */
  readonly labels: readonly number[];
}

/** What a process is given: a model folder and the very batches to train on. */
export interface StepPlan {
  readonly task: Task & ('sequence-classification' | 'causal-lm');
  readonly arm: Arm;
  /** pemmican's reduced arm reads the folder that its `reduce` made; every other program the full folder. */
  readonly modelFolder: string;
  /** Ascending full ids of the kept rows. */
  readonly keptFullTokenIds: readonly number[];
  /** Recompute activations in the backward pass. */
  readonly gradientCheckpointing: boolean;
  /** Matrix products in bfloat16: ours by `--bf16`, PyTorch's by autocast. */
  readonly bf16: boolean;
  readonly device: BenchmarkDevice;
  /** Ids are reduced ones where the arm is. */
  readonly batches: readonly BatchPlan[];
}

/** What a process measured. */
export interface StepReport {
  readonly stepMs: readonly number[];
  readonly losses: readonly number[];
  /** Resident bytes with the libraries loaded and no model; on a GPU what the device holds by then (its context). */
  readonly baseBytes: number;
  /** Peak resident bytes of the whole process (VmHWM); on a GPU what the device holds at the end: both pools only grow. */
  readonly peakBytes: number;
  /** Planned peak of tensors; ours only. */
  readonly plannedBytes?: number;
}
