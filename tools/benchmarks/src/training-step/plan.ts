/** What both programs of a comparison are given: a model folder (full or reduced) and the very batches to train on. */
export interface StepPlan {
  readonly modelFolder: string;
  readonly gradientCheckpointing: boolean;
  readonly batches: readonly {
    readonly rowCount: number;
    readonly length: number;
    readonly inputIds: readonly number[];
    readonly attentionMask: readonly number[];
    readonly labels: readonly number[];
  }[];
}

/** What a process measured. */
export interface StepReport {
  readonly stepMs: readonly number[];
  readonly losses: readonly number[];
  /** Resident bytes with the libraries loaded and no model. */
  readonly baseBytes: number;
  /** Peak resident bytes of the whole process (VmHWM). */
  readonly peakBytes: number;
  /** Planned peak of tensors; ours only. */
  readonly plannedBytes?: number;
}
