/**
 * Tokenizers out of tokenizer.json or vocab.txt with exactly the ids of Hugging Face's `tokenizers`: WordPiece and Unigram.
 * @module
 */
export type { AddedToken } from './added-tokens.ts';
export { TokenizerError, type TokenizerErrorCode } from './error.ts';
export { Tokenizer, type EncodeOptions, type Encoding, type TokenizerFileOptions } from './tokenizer.ts';
export type { TruncationStrategy } from './truncation.ts';
