/**
 * Where raw bytes may be cut into chunks that are tokenized one by one.
 *
 * A cut at p is safe when tok(xy) = tok(x) + tok(y) for every x that ends and every y that begins at p. Each family's file
 * gives the proof of its table, and a test compares it with the pipeline on all neighbours that matter.
 */
export interface CutRule {
  /**
   * By `previousByte << 8 | nextByte`: 0 no cut, 1 cut, otherwise a mask of `characterBits`: cut if the character before
   * has one of them. Never 1 where the previous byte may be inside of a character.
   */
  readonly table: Uint8Array;
  /** Bits of each code point for the masks in `table`; undefined where no mask is used. */
  readonly characterBits: Uint8Array | undefined;
  /** Gives the bits of a code point that has none yet; not 0. */
  readonly classify?: (codePoint: number) => number;
  /** Whether every character from U+5000 to U+9FFF is a chunk of its own. */
  readonly isolatesIdeographs: boolean;
  /**
   * Where a chunk at the beginning is tokenized differently: nowhere, at the beginning of each stretch between added
   * tokens, or at the beginning of the text only.
   */
  readonly firstScope: 'none' | 'stretch' | 'text';
}

export const PAIR_COUNT = 65_536;

/** Cuts nowhere: right for any tokenizer. */
export const NO_CUTS: CutRule = {
  table: new Uint8Array(PAIR_COUNT),
  characterBits: undefined,
  isolatesIdeographs: false,
  firstScope: 'text',
};

/** @param cutBetween value of the table for two bytes next to each other, of which the second begins a character */
export function cutTable(cutBetween: (previous: number, next: number) => number): Uint8Array {
  const table = new Uint8Array(PAIR_COUNT);
  for (let previous = 0; previous < 256; previous++)
    for (let next = 0; next < 256; next++)
      if ((next & 0xc0) !== 0x80) table[(previous << 8) | next] = cutBetween(previous, next);
  return table;
}
