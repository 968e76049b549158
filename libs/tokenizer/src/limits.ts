/** Most tokens of a vocabulary; the largest published ones have about 300,000. */
export const MAX_VOCAB_SIZE = 10_000_000;

/** Longest token in UTF-16 units; longer ones are damage. */
export const MAX_TOKEN_LENGTH = 10_000;

/** Largest charsmap of a Precompiled normalizer in bytes; SentencePiece's nmt_nfkc has 237,561. */
export const MAX_CHARSMAP_BYTES = 16 * 1024 * 1024;

/** Pre-tokens whose ids are remembered: most of a corpus are repetitions of few. */
export const MAX_MEMO_ENTRIES = 200_000;

/** Longest pre-token that is remembered; longer ones hardly come again. */
export const MAX_MEMO_KEY_LENGTH = 64;

/** Longest regular expression in UTF-16 units; the longest published one has about 300. */
export const MAX_PATTERN_LENGTH = 10_000;

/** Most merges of a BPE model; Gemma has 580,604. More would not fit the heap's keys. */
export const MAX_MERGE_COUNT = 2 ** 23;

/** Highest type id of a template: they are kept in a byte each; models have two or so. */
export const MAX_TYPE_ID = 255;
