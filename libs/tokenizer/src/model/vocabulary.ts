import type { Component } from '../component.ts';
import { TokenizerError } from '../error.ts';
import { MAX_TOKEN_LENGTH, MAX_VOCAB_SIZE } from '../limits.ts';

/** The `vocab` object of a model: token to id. */
export function readVocabulary(component: Component): Map<string, number> {
  const entries = component.child('vocab').entries();
  if (entries.length > MAX_VOCAB_SIZE)
    throw new TokenizerError(
      'TOO_LARGE',
      `${component.where}.vocab has ${entries.length} tokens, the limit is ${MAX_VOCAB_SIZE}`,
    );
  const vocabulary = new Map<string, number>();
  const seen = new Set<number>();
  for (const [token, id] of entries) {
    if (token.length > MAX_TOKEN_LENGTH)
      throw new TokenizerError(
        'TOO_LARGE',
        `${component.where}.vocab: token of ${token.length} characters, the limit is ${MAX_TOKEN_LENGTH}`,
      );
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= MAX_VOCAB_SIZE) {
      throw new TokenizerError(
        'INVALID_TOKENIZER',
        `${component.where}.vocab: id of ${JSON.stringify(token)} is ${JSON.stringify(id)}, expected an integer from 0 to ${MAX_VOCAB_SIZE - 1}`,
      );
    }
    if (seen.has(id))
      throw new TokenizerError('INVALID_TOKENIZER', `${component.where}.vocab: id ${id} is there twice`);
    seen.add(id);
    vocabulary.set(token, id);
  }
  return vocabulary;
}
