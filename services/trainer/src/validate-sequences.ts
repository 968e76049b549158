import { RecordKind, type DatasetSpec } from '@pemmican/contract/vocabulary';
import { Task } from '@pemmican/contract/trainer';
import type { FieldViolations } from '@pemmican/rpc';
import { findSequenceProblems } from '@pemmican/sequences';

/** Checks what is asked of a language model's records: kinds that only it takes, blocks, and which tokens are predicted. */
export function checkSequences(violations: FieldViolations, field: string, dataset: DatasetSpec, task: Task): void {
  const { recordKind, blockSize, textPairColumn } = dataset;
  const isOfPrompts = recordKind === RecordKind.PROMPT_AND_COMPLETION;
  const isOfMessages = recordKind === RecordKind.MESSAGES;
  if (isOfPrompts || isOfMessages) {
    violations.check(
      task === Task.CAUSAL_LM,
      `${field}.record_kind`,
      `is ${isOfPrompts ? 'prompts and completions' : 'messages'}, which causal language modeling takes and no other task`,
    );
    violations.check(textPairColumn === '', `${field}.text_pair_column`, 'must be empty: there is no second text');
  }
  violations.check(
    blockSize === 0 || task === Task.CAUSAL_LM || task === Task.MASKED_LM,
    `${field}.block_size`,
    `is ${blockSize}, must be 0 for a task that is not language modeling`,
  );
  for (const problem of findSequenceProblems(dataset, isOfMessages))
    violations.add(`${field}.${problem.field}`, problem.description);
}
