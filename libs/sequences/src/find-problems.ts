import { MAX_BLOCK_SIZE, MAX_TEMPLATE_CHARACTERS } from './limits.ts';

/** What a request asks of a language model's records. */
export interface SequenceFields {
  /** Tokens of a block; 0: no blocks. */
  readonly blockSize: number;
  readonly assistantOnlyLoss: boolean;
  /** Empty: the model's. */
  readonly chatTemplate: string;
}

/** A field that is not as it must be, by its name in the contract. */
export interface SequenceProblem {
  readonly field: 'block_size' | 'assistant_only_loss' | 'chat_template';
  readonly description: string;
}

/** What is wrong with the fields together, whatever the task. */
export function findSequenceProblems(
  { blockSize, assistantOnlyLoss, chatTemplate }: SequenceFields,
  areMessages: boolean,
): SequenceProblem[] {
  const problems: SequenceProblem[] = [];
  const check = (isRight: boolean, field: SequenceProblem['field'], description: string): void => {
    if (!isRight) problems.push({ field, description });
  };
  check(
    blockSize !== 1 && blockSize <= MAX_BLOCK_SIZE,
    'block_size',
    `is ${blockSize}, must be 0 or from 2 to ${MAX_BLOCK_SIZE}`,
  );
  check(!assistantOnlyLoss || areMessages, 'assistant_only_loss', 'must not be set for records that are not messages');
  check(chatTemplate === '' || areMessages, 'chat_template', 'must be empty for records that are not messages');
  check(
    chatTemplate.length <= MAX_TEMPLATE_CHARACTERS,
    'chat_template',
    `has ${chatTemplate.length} characters, must have at most ${MAX_TEMPLATE_CHARACTERS}`,
  );
  return problems;
}
