import { RecordKind, type DatasetSpec } from '@pemmican/contract/vocabulary';
import type { FieldViolations } from '@pemmican/rpc';
import { findSequenceProblems } from '@pemmican/sequences';

// Records that never become blocks.
const UNPACKED: readonly RecordKind[] = [RecordKind.WORDS, RecordKind.QUESTIONS, RecordKind.SOURCE_AND_TARGET];

/** Checks what is asked of a language model's records. Which task they are for is the trainer's to check. */
export function checkSequences(violations: FieldViolations, field: string, dataset: DatasetSpec): void {
  const { recordKind, blockSize, textPairColumn } = dataset;
  const isOfMessages = recordKind === RecordKind.MESSAGES;
  violations.check(
    textPairColumn === '' || !(isOfMessages || recordKind === RecordKind.PROMPT_AND_COMPLETION),
    `${field}.text_pair_column`,
    'must be empty: there is no second text',
  );
  violations.check(
    blockSize === 0 || !UNPACKED.includes(recordKind),
    `${field}.block_size`,
    `is ${blockSize}, must be 0 for records of words, of questions, and of sources and targets`,
  );
  for (const problem of findSequenceProblems(dataset, isOfMessages))
    violations.add(`${field}.${problem.field}`, problem.description);
}
