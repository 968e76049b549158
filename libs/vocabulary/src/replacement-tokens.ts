// A 64th of the vocabulary, within these bounds: enough that a model never learns which they are, few enough that their rows
// take nothing beside those that data uses.
const VOCABULARY_SHARE = 1 / 64;
const MIN_COUNT = 16;
const MAX_COUNT = 512;

/**
 * The tokens which masked language modeling puts in place of others (a tenth of those that it predicts; arXiv 1810.04805,
 * section 3.1): full token ids, drawn from the whole vocabulary once by the seed of a run. BERT draws each anew; here the
 * draws have to be known before training, so that their rows can be kept, and training with the kept rows is the same.
 * @param fullVocabSize rows of the full embedding matrix
 * @returns ascending, without repeats
 */
export function replacementTokenIds(fullVocabSize: number, seed: number): Uint32Array {
  const wanted = Math.max(MIN_COUNT, Math.min(MAX_COUNT, Math.floor(fullVocabSize * VOCABULARY_SHARE)));
  const count = Math.min(fullVocabSize, wanted);
  const random = mulberry32(seed);
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(Math.floor(random() * fullVocabSize));
  return Uint32Array.from(drawn).sort();
}

/** Uniform numbers in [0, 1) of 32 bits (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  let state = (seed ^ Math.floor(seed / 2 ** 32)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
