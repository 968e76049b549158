/**
 * Tokenizers out of tokenizer.json or vocab.txt with exactly the ids of Hugging Face's `tokenizers`: WordPiece and Unigram.
 * @module
 */
export type { AddedToken } from './added-tokens.ts';
export { codePointCounter, sliceCodePoints } from './code-points.ts';
export { TokenizerError, type TokenizerErrorCode } from './error.ts';
export type { PlacedText } from './placed-text.ts';
export { Tokenizer, type EncodeOptions, type Encoding, type TokenizerFileOptions } from './tokenizer.ts';
export { TokenSpans, type TextSpan } from './token-spans.ts';
export type { TruncationStrategy } from './truncation.ts';
export { windowRanges, type TextWindow, type WindowOptions } from './windows.ts';
export { FastCounter, type BlockCount, type FastCounterOptions } from './fast/fast-counter.ts';
export { FastEncoder, type EncodedBlock, type FastEncoderOptions } from './fast/fast-encoder.ts';
export type { FrameOptions } from './fast/frame.ts';
export type { MemoryAdvice } from './fast/engine/engine-memory.ts';
export { RecordBlockBuilder, recordCountOf, type RecordBlock, type Utf8Check } from './fast/record-block.ts';
