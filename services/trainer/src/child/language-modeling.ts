import { isLanguageModeling, requireTask, type Task } from '@pemmican/models';
import type { MaskingOptions } from '@pemmican/training';
import { PreconditionError } from '../precondition-error.ts';
import type { PreparedModel } from './prepared-model.ts';

/**
 * Checks that a folder can be trained for a task.
 * @throws ModelError UNSUPPORTED_TASK; PreconditionError REDUCED_VOCABULARY for a language model without its full vocabulary
 */
export function requireTrainable(prepared: PreparedModel, task: Task): void {
  requireTask(prepared.model, task, prepared.folder.name);
  if (isLanguageModeling(task) && prepared.reduction !== undefined) {
    throw new PreconditionError(
      'REDUCED_VOCABULARY',
      `${prepared.folder.name}: keeps ${prepared.vocabRows} of ${prepared.reduction.manifest.fullVocabSize} embedding rows; the softmax of ${task} runs over the full vocabulary, so that it would be another loss. Train the full folder`,
    );
  }
}

/** @throws PreconditionError MASK_TOKEN_MISSING */
export function maskingOf(prepared: PreparedModel, probability: number): MaskingOptions {
  const { tokenizer, vocabRows, folder } = prepared;
  const { maskTokenId } = tokenizer;
  if (maskTokenId === undefined)
    throw new PreconditionError('MASK_TOKEN_MISSING', `${folder.name}: the tokenizer has no mask token`);
  return { probability, maskTokenId, vocabRows, specialTokenIds: new Set(tokenizer.specialTokenIds) };
}
