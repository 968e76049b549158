import type { Tokenizer } from '../tokenizer.ts';
import { createTextScanner } from './create-text-scanner.ts';
import { Frame, type FrameOptions } from './frame.ts';
import { engineOptions } from './engine-options.ts';
import type { MemoryAdvice } from './engine/engine-memory.ts';
import { NO_LIMIT } from './limits.ts';
import { checkBlock, isUtf8, recordCountOf, type RecordBlock, type Utf8Check } from './record-block.ts';
import type { BlockPlaces } from './engine/engine.ts';
import { takeRecords } from './take-records.ts';
import type { TextScanner } from './text-scanner.ts';

export interface FastCounterOptions extends FrameOptions {
  /** Most bytes that remembered chunks take; results are the same with any. */
  readonly memoBytes?: number;
  readonly isUtf8?: Utf8Check;
  /** Told of the engine's memory before it is used, e.g. to ask for huge pages: look-ups at random are faster on these. */
  readonly adviseMemory?: MemoryAdvice;
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
  readonly #texts: TextScanner;
  readonly #isUtf8: Utf8Check;
  #singleCount = 0;
  #pairCount = 0;

  readonly #tokenizer: Tokenizer;

  /** @param owner a counter of the same tokenizer whose memo and counts this one shares; see `withFrame` */
  constructor(tokenizer: Tokenizer, options: FastCounterOptions = {}, owner?: FastCounter) {
    this.#tokenizer = tokenizer;
    this.#frame = new Frame(tokenizer.parts.postProcessor, options);
    this.#texts = owner === undefined ? createTextScanner(tokenizer, engineOptions(options)) : owner.#texts;
    this.#isUtf8 = options.isUtf8 ?? (owner === undefined ? isUtf8 : owner.#isUtf8);
  }

  /** A counter for other special tokens or another truncation that adds to the same counts and shares what is remembered. */
  withFrame(options: FrameOptions): FastCounter {
    return new FastCounter(this.#tokenizer, options, this);
  }

  /**
   * Counts the records of a block.
   * @throws TokenizerError INVALID_UTF8, INVALID_OPTION
   */
  add(block: RecordBlock): BlockCount {
    checkBlock(block, this.#isUtf8);
    const { engine } = this.#texts;
    const places = engine.load(block);
    const count = recordCountOf(block);
    const lengths = this.#addAll(block, places, count);
    this.#countSpecialTokens();
    return {
      recordLengths: lengths,
      tokenCount: lengths.reduce((sum, length) => sum + length, 0),
      truncatedRecordCount: engine.truncatedCountOf(places),
    };
  }

  #addAll(block: RecordBlock, places: BlockPlaces, count: number): Uint32Array {
    if (block.wordCounts !== undefined) return this.#addWords(block, places, block.wordCounts);
    return this.#frame.cutsEnd && block.textOffsets.length === count + 1
      ? this.#addTexts(block, places, count)
      : this.#addRecords(block, places, count);
  }

  /** Different ids that occurred in all that was ever added. */
  get distinctTokenCount(): number {
    return this.#texts.engine.distinctCount;
  }

  /** Sets 1 at every id that occurred in all that was ever added; several counters may mark one array `[vocabSize]`. */
  markSeen(target: Uint8Array): void {
    const { seen } = this.#texts.engine;
    for (let id = 0; id < seen.length; id++) if (seen[id] !== 0) target[id] = 1;
  }

  /** Bytes that remembered chunks take now. */
  get memoBytes(): number {
    return this.#texts.engine.memoBytes;
  }

  /** Occurrences by full token id since the last call; what is remembered stays. */
  takeCounts(): Float64Array {
    return this.#texts.engine.takeCounts();
  }

  /** Records of one text each, cut at their end where they are too long. */
  #addTexts(block: RecordBlock, places: BlockPlaces, count: number): Uint32Array {
    const { engine } = this.#texts;
    const { exports, memory } = engine;
    const { text, offsets, results, truncatedCount } = places;
    const room = Math.min(NO_LIMIT, this.#frame.singleRoom);
    takeRecords(
      count,
      (first, end) => exports.countRecords(text, offsets, first, end, room, results, truncatedCount),
      (record) => {
        this.#texts.count(block, places, record, room);
        memory.words[(results >>> 2) + record] = exports.tokenCount();
        engine.addTruncated(places, exports.isTruncated());
      },
    );
    this.#singleCount += count;
    const special = this.#frame.singleSpecialCount;
    return memory.words.slice(results >>> 2, (results >>> 2) + count).map((length) => length + special);
  }

  /** Records of one or two texts, by the ids themselves. */
  #addRecords(block: RecordBlock, places: BlockPlaces, count: number): Uint32Array {
    const { engine } = this.#texts;
    const { exports } = engine;
    const { output } = places;
    const lengths = new Uint32Array(count);
    for (let record = 0, index = 0; record < count; record++, index++) {
      const isPair = block.hasPair?.[record] === 1;
      exports.beginWrite(output);
      const first = this.#texts.write(block, places, index);
      const second = isPair ? this.#texts.write(block, places, ++index) : 0;
      const [firstLength, secondLength] = this.#frame.lengths(first, isPair ? second : undefined);
      const skipped = (length: number, kept: number): number => (this.#frame.cutsLeft ? length - kept : 0);
      exports.countIds(output + 4 * skipped(first, firstLength), firstLength);
      exports.countIds(output + 4 * (first + skipped(second, secondLength)), secondLength);
      engine.addTruncated(places, Number(firstLength + secondLength < first + second));
      if (isPair) this.#pairCount++;
      else this.#singleCount++;
      const specialCount = isPair ? this.#frame.pairSpecialCount : this.#frame.singleSpecialCount;
      lengths[record] = firstLength + secondLength + specialCount;
    }
    return lengths;
  }

  /** Records of words, by the ids themselves. */
  #addWords(block: RecordBlock, places: BlockPlaces, wordCounts: Uint32Array): Uint32Array {
    const { engine } = this.#texts;
    const { output } = places;
    this.#singleCount += wordCounts.length;
    let index = 0;
    return wordCounts.map((wordCount) => {
      engine.exports.beginWrite(output);
      let length = 0;
      for (const end = index + wordCount; index < end; index++) length += this.#texts.write(block, places, index);
      const [kept] = this.#frame.lengths(length, undefined);
      engine.exports.countIds(output + 4 * (this.#frame.cutsLeft ? length - kept : 0), kept);
      engine.addTruncated(places, Number(kept < length));
      return kept + this.#frame.singleSpecialCount;
    });
  }

  #countSpecialTokens(): void {
    const { exports } = this.#texts.engine;
    for (const [template, count] of [
      [this.#frame.single, this.#singleCount],
      [this.#frame.pair, this.#pairCount],
    ] as const) {
      if (count === 0) continue;
      for (const part of template)
        if (part.kind === 'special') for (const id of part.ids) exports.countTimes(id, count);
    }
    this.#singleCount = this.#pairCount = 0;
  }
}
