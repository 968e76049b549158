import type { TemplatePart } from '../post-processor/post-processor.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { createTextScanner } from './create-text-scanner.ts';
import { Frame, type FrameOptions } from './frame.ts';
import { DEFAULT_MEMO_BYTES } from './limits.ts';
import { checkBlock, isUtf8, recordCountOf, type RecordBlock, type Utf8Check } from './record-block.ts';
import type { TextScanner } from './text-scanner.ts';
import { TokenTotals } from './token-totals.ts';

export interface FastEncoderOptions extends FrameOptions {
  /** Most bytes that remembered chunks take; results are the same with any. */
  readonly memoBytes?: number;
  readonly isUtf8?: Utf8Check;
}

/** Ids of the records of a block. */
export interface EncodedBlock {
  /** Full token ids of all records, one after the other. */
  readonly ids: Uint32Array;
  /** Where each record's ids begin, and where the last one's end: `[recordCount + 1]`. */
  readonly recordOffsets: Uint32Array;
  /** By id: which text of a pair it belongs to, as the template says. */
  readonly typeIds: Uint8Array;
  readonly truncatedRecordCount: number;
}

/** Encodes records exactly as Tokenizer.encode does. */
export class FastEncoder {
  readonly #frame: Frame;
  readonly #texts: TextScanner;
  readonly #isUtf8: Utf8Check;
  #ids = new Uint32Array(1 << 12);
  #typeIds = new Uint8Array(1 << 12);
  #length = 0;

  constructor(tokenizer: Tokenizer, options: FastEncoderOptions = {}) {
    this.#frame = new Frame(tokenizer.parts.postProcessor, options);
    this.#texts = createTextScanner(
      tokenizer,
      new TokenTotals(tokenizer.vocabSize),
      options.memoBytes ?? DEFAULT_MEMO_BYTES,
    );
    this.#isUtf8 = options.isUtf8 ?? isUtf8;
  }

  /**
   * Encodes the records of a block. What it returns is overwritten by the next call.
   * @throws TokenizerError INVALID_UTF8, INVALID_OPTION
   */
  encode(block: RecordBlock): EncodedBlock {
    checkBlock(block, this.#isUtf8);
    const { chunks } = this.#texts;
    chunks.load(block.bytes);
    const { textOffsets, hasPair } = block;
    const recordCount = recordCountOf(block);
    const recordOffsets = new Uint32Array(recordCount + 1);
    let truncatedRecordCount = 0;
    this.#length = 0;
    for (let record = 0, text = 0; record < recordCount; record++, text++) {
      chunks.ids.length = 0;
      const [start = 0, end = 0] = [textOffsets[text], textOffsets[text + 1]];
      this.#texts.encode(start, end);
      const first = chunks.ids.length;
      const isPair = hasPair?.[record] === 1;
      if (isPair) this.#texts.encode(end, textOffsets[++text + 1] ?? end);
      const second = chunks.ids.length - first;
      const [firstLength, secondLength] = this.#frame.lengths(first, isPair ? second : undefined);
      this.#write(isPair ? this.#frame.pair : this.#frame.single, first, firstLength, second, secondLength);
      if (firstLength + secondLength < first + second) truncatedRecordCount++;
      recordOffsets[record + 1] = this.#length;
    }
    return {
      ids: this.#ids.subarray(0, this.#length),
      recordOffsets,
      typeIds: this.#typeIds.subarray(0, this.#length),
      truncatedRecordCount,
    };
  }

  /** Bytes that remembered chunks take now. */
  get memoBytes(): number {
    return this.#texts.chunks.memoBytes;
  }

  #write(
    template: readonly TemplatePart[],
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
  ): void {
    const { ids } = this.#texts.chunks.ids;
    for (const part of template) {
      const isFirst = part.kind === 'sequence' && part.sequence === 'A';
      const count = part.kind === 'special' ? part.ids.length : isFirst ? firstLength : secondLength;
      this.#reserve(count);
      const at = this.#length;
      if (part.kind === 'special') this.#ids.set(part.ids, at);
      else {
        const from = isFirst ? 0 : first;
        const skipped = this.#frame.cutsLeft ? (isFirst ? first : second) - count : 0;
        for (let index = 0; index < count; index++) this.#ids[at + index] = ids[from + skipped + index] ?? 0;
      }
      this.#typeIds.fill(part.typeId, at, at + count);
      this.#length += count;
    }
  }

  #reserve(count: number): void {
    const least = this.#length + count;
    if (least <= this.#ids.length) return;
    const size = Math.max(least, this.#ids.length * 2);
    const ids = new Uint32Array(size);
    ids.set(this.#ids.subarray(0, this.#length));
    const typeIds = new Uint8Array(size);
    typeIds.set(this.#typeIds.subarray(0, this.#length));
    this.#ids = ids;
    this.#typeIds = typeIds;
  }
}
