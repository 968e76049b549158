import { isLanguageModeling, requireTask, type Task } from '@pemmican/models';
import type { MaskingOptions, TrainingOptions } from '@pemmican/training';
import { replacementTokenIds } from '@pemmican/vocabulary';
import { PreconditionError } from '../precondition-error.ts';
import { outputRows, type PreparedModel } from './prepared-model.ts';

type LanguageModelingOptions = Pick<TrainingOptions, 'task' | 'restrictedSoftmax' | 'mlmProbability' | 'seed'>;

/**
 * Checks that a folder can be trained for a task, and with the softmax that is asked for.
 * @throws ModelError UNSUPPORTED_TASK; PreconditionError REDUCED_VOCABULARY for a language model without its full output
 *   vocabulary that did not ask for a restricted softmax, FULL_OUTPUT for one that did and has it
 */
export function requireTrainable(prepared: PreparedModel, options: LanguageModelingOptions): void {
  const { task, restrictedSoftmax } = options;
  requireTask(prepared.model, task, prepared.folder.name);
  if (!isLanguageModeling(task)) return;
  const { folder, reduction, vocabRows } = prepared;
  const isFull = reduction === undefined || outputRows(prepared, task) === reduction.manifest.fullVocabSize;
  if (isFull === !restrictedSoftmax) return;
  if (isFull)
    throw new PreconditionError(
      'FULL_OUTPUT',
      `${folder.name}: has all ${outputRows(prepared, task)} rows of its output matrix, so there is nothing that the softmax of ${task} could be restricted to; train it without restricted_softmax, or reduce it with restrict_output`,
    );
  throw new PreconditionError(
    'REDUCED_VOCABULARY',
    `${folder.name}: keeps ${vocabRows} of ${reduction?.manifest.fullVocabSize ?? vocabRows} embedding rows; the softmax of ${task} runs over the full vocabulary, so that it would be another loss. Train the full folder, or ask for that loss by its name, restricted_softmax`,
  );
}

/** Row of the output matrix by token id of the data; undefined where it is the same number. */
export function outputRowOf(prepared: PreparedModel, task: Task): Uint32Array | undefined {
  const { reduction, vocabRows } = prepared;
  if (!isLanguageModeling(task) || reduction === undefined || outputRows(prepared, task) === vocabRows)
    return undefined;
  return reduction.map.keptTokenIds;
}

/**
 * How tokens are hidden, in the id space of the data.
 * @throws PreconditionError MASK_TOKEN_MISSING; REPLACEMENTS_NOT_KEPT for a reduced folder without the rows of tokens that
 *   are put in place of others
 */
export function maskingOf(prepared: PreparedModel, options: LanguageModelingOptions): MaskingOptions {
  const { tokenizer, vocabRows, folder, reduction } = prepared;
  const { maskTokenId } = tokenizer;
  const ownId = (fullTokenId: number): number => reduction?.map.toReducedId(fullTokenId) ?? fullTokenId;
  if (maskTokenId === undefined || ownId(maskTokenId) < 0 || ownId(maskTokenId) >= vocabRows)
    throw new PreconditionError(
      'MASK_TOKEN_MISSING',
      `${folder.name}: ${maskTokenId === undefined ? 'the tokenizer has no mask token' : `the mask token's row ${maskTokenId} ${reduction === undefined ? `is not among the ${vocabRows} of the embedding matrix` : 'was not kept'}`}`,
    );
  const replacements = replacementTokenIds(reduction?.manifest.fullVocabSize ?? vocabRows, options.seed).map((id) =>
    // An unsigned -1 is no row of any matrix.
    ownId(id),
  );
  const missingCount = replacements.filter((id) => id >= vocabRows).length;
  if (missingCount > 0)
    throw new PreconditionError(
      'REPLACEMENTS_NOT_KEPT',
      `${folder.name}: lacks ${missingCount} of the ${replacements.length} rows of tokens that masked-lm with seed ${options.seed} puts in place of others; analyze with replacement_seed ${options.seed} before reducing`,
    );
  return {
    probability: options.mlmProbability,
    maskTokenId: ownId(maskTokenId),
    replacementTokenIds: replacements,
    specialTokenIds: new Set(tokenizer.specialTokenIds.map(ownId)),
  };
}

/** What a person is told before a run whose losses are not those that they may take them for. */
export function restrictedSoftmaxWarning(prepared: PreparedModel): string {
  const { reduction, vocabRows } = prepared;
  return `The softmax is restricted to the ${vocabRows} kept rows of ${reduction?.manifest.fullVocabSize ?? vocabRows}: loss and gradients are NOT those of training over the full vocabulary, and losses of the two do not compare`;
}
