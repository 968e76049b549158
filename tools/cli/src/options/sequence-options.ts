import type { Command } from 'commander';

import type { SequenceLengthOptions } from './sequence-length.ts';
import { maxSequenceLengthOf } from './sequence-length.ts';
import type { TaskName } from './training-options.ts';
import { isLanguageModeling } from './training-options.ts';
import { unsigned } from './value-parsers.ts';

/** How the command's user says what a language model reads of records, and which tokens are predicted. */
export interface SequenceCommandOptions {
  readonly promptColumn?: string;
  readonly completionColumn?: string;
  readonly messagesColumn?: string;
  readonly assistantOnlyLoss?: boolean;
  readonly chatTemplatePath?: string;
  readonly packing?: boolean;
  readonly blockSize?: number;
}

/** Adds the options of language modeling's records, named as in transformers' run_clm.py and TRL's SFTTrainer. */
export function addSequenceOptions(command: Command): Command {
  return command
    .option(
      '--prompt-column <name>',
      'causal-lm: column of the prompt, which is read and not predicted (default: "prompt" beside --completion-column)',
    )
    .option(
      '--completion-column <name>',
      'causal-lm: column of the completion, after which comes the tokenizer\'s eos_token (default: "completion" beside --prompt-column)',
    )
    .option(
      '--messages-column <name>',
      'causal-lm: column of the messages of a conversation, lists of {role, content}, as the chat template renders them (default: "messages" beside --assistant-only-loss)',
    )
    .option(
      '--assistant-only-loss',
      'causal-lm: predict only what the assistant says: by {% generation %} blocks, or what the template adds for its messages',
    )
    .option('--chat-template-path <file>', "causal-lm: a chat template (Jinja) in place of the model's")
    .option(
      '--block-size <tokens>',
      'causal-lm, masked-lm: concatenate all records and cut them into blocks of so many tokens, as run_clm.py does; the rest at the end of a file is dropped, and tokens attend over the borders of records',
      unsigned(2),
    )
    .option('--packing', 'causal-lm, masked-lm: --block-size with the value of --max-seq-length');
}

/** Tokens of a block; 0 without packing. */
export function blockSizeOf(options: SequenceCommandOptions & SequenceLengthOptions): number {
  return options.blockSize ?? (options.packing === true ? maxSequenceLengthOf(options) : 0);
}

/** Tokens of the longest sequence there can be. */
export function longestSequenceOf(options: SequenceCommandOptions & SequenceLengthOptions): number {
  return blockSizeOf(options) || maxSequenceLengthOf(options);
}

/** What is wrong with the options together; undefined where nothing is. */
export function findSequenceProblem(options: SequenceCommandOptions & { readonly task: TaskName }): string | undefined {
  const { task, promptColumn, completionColumn, messagesColumn, assistantOnlyLoss, chatTemplatePath } = options;
  const ofKinds = {
    '--prompt-column': promptColumn,
    '--completion-column': completionColumn,
    '--messages-column': messagesColumn,
    '--assistant-only-loss': assistantOnlyLoss,
    '--chat-template-path': chatTemplatePath,
  };
  const [given] = Object.entries(ofKinds).find(([, value]) => value !== undefined) ?? [];
  if (given !== undefined && task !== 'causal-lm') return `${given} is for --task causal-lm, the task is ${task}`;
  const packing = options.blockSize === undefined ? '--packing' : '--block-size';
  const isPacked = options.blockSize !== undefined || options.packing === true;
  if (isPacked && (!isLanguageModeling(task) || task === 'seq2seq-lm'))
    return `${packing} is for --task causal-lm and masked-lm, the task is ${task}`;
  const isOfPrompts = promptColumn !== undefined || completionColumn !== undefined;
  const isOfMessages = messagesColumn !== undefined || assistantOnlyLoss === true || chatTemplatePath !== undefined;
  if (isOfPrompts && isOfMessages) return 'Records are prompts with completions or messages, not both';
  return undefined;
}
