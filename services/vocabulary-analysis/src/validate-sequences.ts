import { RecordKind, type DatasetSpec } from '@pemmican/contract/vocabulary';
import type { FieldViolations } from '@pemmican/rpc';
import { MAX_TEMPLATE_CHARACTERS } from '@pemmican/sequences';

const MAX_BLOCK_SIZE = 1_000_000;
// Records that never become blocks.
const UNPACKED: readonly RecordKind[] = [RecordKind.WORDS, RecordKind.QUESTIONS, RecordKind.SOURCE_AND_TARGET];

/** Checks what is asked of a language model's records. Which task they are for is the trainer's to check. */
export function checkSequences(violations: FieldViolations, field: string, dataset: DatasetSpec): void {
  const { recordKind, blockSize, assistantOnlyLoss, chatTemplate, textPairColumn } = dataset;
  const isOfMessages = recordKind === RecordKind.MESSAGES;
  violations.check(
    textPairColumn === '' || !(isOfMessages || recordKind === RecordKind.PROMPT_AND_COMPLETION),
    `${field}.text_pair_column`,
    'must be empty: there is no second text',
  );
  violations.check(
    blockSize !== 1 && blockSize <= MAX_BLOCK_SIZE,
    `${field}.block_size`,
    `is ${blockSize}, must be 0 or from 2 to ${MAX_BLOCK_SIZE}`,
  );
  violations.check(
    blockSize === 0 || !UNPACKED.includes(recordKind),
    `${field}.block_size`,
    `is ${blockSize}, must be 0 for records of words, of questions, and of sources and targets`,
  );
  violations.check(
    !assistantOnlyLoss || isOfMessages,
    `${field}.assistant_only_loss`,
    'must not be set for records that are not messages',
  );
  violations.check(
    chatTemplate === '' || isOfMessages,
    `${field}.chat_template`,
    'must be empty for records that are not messages',
  );
  violations.check(
    chatTemplate.length <= MAX_TEMPLATE_CHARACTERS,
    `${field}.chat_template`,
    `has ${chatTemplate.length} characters, must have at most ${MAX_TEMPLATE_CHARACTERS}`,
  );
}
