import type { Tokenizer } from '@pemmican/tokenizer';
// The table is no part of the library's interface; only this profile looks at it.
import { createBertPath } from '../../../../libs/tokenizer/src/fast/bert/create-bert-path.ts';
import { createByteLevelPath } from '../../../../libs/tokenizer/src/fast/bpe/create-byte-level-path.ts';
import { createCharacterPath } from '../../../../libs/tokenizer/src/fast/bpe/create-character-path.ts';
import { createUnigramPath } from '../../../../libs/tokenizer/src/fast/unigram/create-unigram-path.ts';

/** Where the bytes of a tokenizer's texts may be cut, by `previousByte << 8 | nextByte`: 0 is nowhere. */
export function cutTableOf(tokenizer: Tokenizer): Uint8Array {
  for (const create of [createBertPath, createByteLevelPath, createCharacterPath, createUnigramPath]) {
    const path = create(tokenizer.parts);
    if (path !== undefined) return path.rule.table;
  }
  throw new RangeError('The tokenizer has no byte path');
}
