import { readFileSync } from 'node:fs';

import { RecordKind } from '@pemmican/contract/vocabulary';
import type { DatasetSpec } from '@pemmican/contract/vocabulary';

import { usageError } from '../cli-error.ts';
import type { SequenceLengthOptions } from './sequence-length.ts';
import type { SequenceCommandOptions } from './sequence-options.ts';
import { blockSizeOf, findSequenceProblem } from './sequence-options.ts';

// The services' limit, with three bytes a character; a larger file is no template.
const MAX_TEMPLATE_BYTES = 3 * 128 * 1024;

/** The part of a data set that says what a language model reads of it. */
export type SequenceSpec = Pick<
  DatasetSpec,
  'promptColumn' | 'completionColumn' | 'messagesColumn' | 'blockSize' | 'assistantOnlyLoss' | 'chatTemplate'
>;

/** @throws CliError for options that do not go together, or a template that cannot be read */
export function toSequenceSpec(
  options: SequenceCommandOptions & SequenceLengthOptions,
): SequenceSpec & { readonly recordKind?: RecordKind } {
  const problem = findSequenceProblem(options);
  if (problem !== undefined) throw usageError(problem);
  const kind = kindOf(options);
  return {
    ...(kind === undefined ? {} : { recordKind: kind }),
    promptColumn: options.promptColumn ?? '',
    completionColumn: options.completionColumn ?? '',
    messagesColumn: options.messagesColumn ?? '',
    blockSize: blockSizeOf(options),
    assistantOnlyLoss: options.assistantOnlyLoss === true,
    chatTemplate: options.chatTemplatePath === undefined ? '' : readTemplate(options.chatTemplatePath),
  };
}

/** What records are; undefined for those that any task may have. */
function kindOf(options: SequenceCommandOptions): RecordKind | undefined {
  const { promptColumn, completionColumn, messagesColumn, assistantOnlyLoss, chatTemplatePath } = options;
  if (promptColumn !== undefined || completionColumn !== undefined) return RecordKind.PROMPT_AND_COMPLETION;
  const isOfMessages = messagesColumn !== undefined || assistantOnlyLoss === true || chatTemplatePath !== undefined;
  return isOfMessages ? RecordKind.MESSAGES : undefined;
}

function readTemplate(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw usageError(
      `${file}: the chat template cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  if (bytes.length === 0) throw usageError(`${file}: the chat template is empty`);
  if (bytes.length > MAX_TEMPLATE_BYTES)
    throw usageError(`${file}: the chat template has ${bytes.length} bytes, the limit is ${MAX_TEMPLATE_BYTES}`);
  return new TextDecoder().decode(bytes);
}
