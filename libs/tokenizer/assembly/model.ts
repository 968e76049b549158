import { byteLevel } from './byte-level';
import { characters } from './characters';
import { MAX_CHUNK_BYTES, ODD } from './found';
import { tokenizeChunk } from './host';
import { FIRST } from './memo';
import { unigram } from './unigram';
import { wordPiece } from './word-piece';

/** What tokenizes a chunk that the memo does not have. */
class Model {
  static kind: u32 = 0;
}

export const HOST: u32 = 0;
export const BYTE_LEVEL: u32 = 1;
export const CHARACTERS: u32 = 2;
export const WORD_PIECE: u32 = 3;
export const UNIGRAM: u32 = 4;

/** Puts the ids of a chunk into `Found` and returns their number, or -1 where all were taken already. */
export function tokenize(start: usize, end: usize, bits: u32): i32 {
  const isFirst: u32 = bits & FIRST;
  if (end - start <= MAX_CHUNK_BYTES) {
    let count = ODD;
    switch (Model.kind) {
      case BYTE_LEVEL:
        count = byteLevel(start, end, isFirst);
        break;
      case CHARACTERS:
        count = characters(start, end, isFirst);
        break;
      case WORD_PIECE:
        count = wordPiece(start, end);
        break;
      case UNIGRAM:
        count = unigram(start, end);
        break;
    }
    if (count != ODD) return count;
  }
  return tokenizeChunk(start, end, isFirst);
}

export function setModel(kind: u32): void {
  Model.kind = kind;
}
