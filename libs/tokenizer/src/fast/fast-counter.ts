import type { Tokenizer } from '../tokenizer.ts';
import { createTextScanner } from './create-text-scanner.ts';
import { Frame, type FrameOptions } from './frame.ts';
import type { IdBuffer } from './id-buffer.ts';
import { DEFAULT_MEMO_BYTES } from './limits.ts';
import { checkBlock, isUtf8, recordCountOf, type RecordBlock, type Utf8Check } from './record-block.ts';
import type { TextScanner } from './text-scanner.ts';
import { TokenTotals } from './token-totals.ts';

export interface FastCounterOptions extends FrameOptions {
  /** Most bytes that remembered chunks take; results are the same with any. */
  readonly memoBytes?: number;
  readonly isUtf8?: Utf8Check;
}

/** What was counted of a block. */
export interface BlockCount {
  /** Tokens of each record after truncation, special ones included. */
  readonly recordLengths: Uint32Array;
  readonly tokenCount: number;
  readonly truncatedRecordCount: number;
}

/** Counts token ids of records as a model sees them: after truncation and with special tokens, exactly as Tokenizer.encode. */
export class FastCounter {
  readonly #frame: Frame;
  readonly #totals: TokenTotals;
  readonly #texts: TextScanner;
  readonly #isUtf8: Utf8Check;
  #singleCount = 0;
  #pairCount = 0;
  // Whether the memo may hold counts of ids that `totals` has not seen.
  #isBehind = false;

  constructor(tokenizer: Tokenizer, options: FastCounterOptions = {}) {
    this.#frame = new Frame(tokenizer.parts.postProcessor, options);
    this.#totals = new TokenTotals(tokenizer.vocabSize);
    this.#texts = createTextScanner(tokenizer, this.#totals, options.memoBytes ?? DEFAULT_MEMO_BYTES);
    this.#isUtf8 = options.isUtf8 ?? isUtf8;
  }

  /**
   * Counts the records of a block.
   * @throws TokenizerError INVALID_UTF8, INVALID_OPTION
   */
  add(block: RecordBlock): BlockCount {
    checkBlock(block, this.#isUtf8);
    const { chunks } = this.#texts;
    chunks.load(block.bytes);
    const { textOffsets, hasPair } = block;
    const recordLengths = new Uint32Array(recordCountOf(block));
    let [tokenCount, truncatedRecordCount] = [0, 0];
    for (let record = 0, text = 0; record < recordLengths.length; record++, text++) {
      const [start = 0, end = 0] = [textOffsets[text], textOffsets[text + 1]];
      let length: number;
      if (hasPair?.[record] === 1) length = this.#addByIds(start, end, textOffsets[++text + 1]);
      else if (!this.#frame.cutsEnd) length = this.#addByIds(start, end, undefined);
      else {
        this.#texts.count(start, end, this.#frame.singleRoom);
        length = chunks.tokenCount + this.#frame.singleSpecialCount;
        this.#singleCount++;
      }
      if (chunks.isTruncated) truncatedRecordCount++;
      recordLengths[record] = length;
      tokenCount += length;
    }
    this.#countSpecialTokens();
    return { recordLengths, tokenCount, truncatedRecordCount };
  }

  /** Different ids that occurred in all that was ever added. */
  get distinctTokenCount(): number {
    if (this.#isBehind) this.#texts.chunks.flush();
    return this.#totals.distinctCount;
  }

  /** Sets 1 at every id that occurred in all that was ever added; several counters may mark one array `[vocabSize]`. */
  markSeen(target: Uint8Array): void {
    if (this.#isBehind) this.#texts.chunks.flush();
    this.#totals.markSeen(target);
  }

  /** Bytes that remembered chunks take now. */
  get memoBytes(): number {
    return this.#texts.chunks.memoBytes;
  }

  /** Occurrences by full token id since the last call; what is remembered stays. */
  takeCounts(): Float64Array {
    this.#texts.chunks.flush();
    return this.#totals.take();
  }

  /** For pairs and for what is not cut at its end: the ids themselves. */
  #addByIds(start: number, end: number, pairEnd: number | undefined): number {
    const { chunks } = this.#texts;
    this.#isBehind = true;
    chunks.ids.length = 0;
    this.#texts.encode(start, end);
    const first = chunks.ids.length;
    if (pairEnd !== undefined) this.#texts.encode(end, pairEnd);
    const second = chunks.ids.length - first;
    const [firstLength, secondLength] = this.#frame.lengths(first, pairEnd === undefined ? undefined : second);
    this.#addPart(chunks.ids, 0, first, firstLength);
    this.#addPart(chunks.ids, first, second, secondLength);
    chunks.isTruncated = firstLength + secondLength < first + second;
    if (pairEnd === undefined) this.#singleCount++;
    else this.#pairCount++;
    const specialCount = pairEnd === undefined ? this.#frame.singleSpecialCount : this.#frame.pairSpecialCount;
    return firstLength + secondLength + specialCount;
  }

  #addPart(buffer: IdBuffer, start: number, length: number, kept: number): void {
    this.#totals.addAll(buffer.ids, this.#frame.cutsLeft ? start + length - kept : start, kept, 1);
  }

  #countSpecialTokens(): void {
    for (const [template, count] of [
      [this.#frame.single, this.#singleCount],
      [this.#frame.pair, this.#pairCount],
    ] as const) {
      if (count === 0) continue;
      for (const part of template) if (part.kind === 'special') for (const id of part.ids) this.#totals.add(id, count);
    }
    this.#singleCount = this.#pairCount = 0;
  }
}
