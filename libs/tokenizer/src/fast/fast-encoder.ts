import type { TemplatePart } from '../post-processor/post-processor.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { sharedTextScanner } from './create-text-scanner.ts';
import type { BlockPlaces } from './engine/engine.ts';
import { Frame, type FrameOptions } from './frame.ts';
import { engineOptions } from './engine-options.ts';
import type { MemoryAdvice } from './engine/engine-memory.ts';
import { NO_LIMIT } from './limits.ts';
import { checkBlock, isUtf8, recordCountOf, type RecordBlock, type Utf8Check } from './record-block.ts';
import { takeRecords } from './take-records.ts';
import type { TextScanner } from './text-scanner.ts';

export interface FastEncoderOptions extends FrameOptions {
  /** Most bytes that remembered chunks take; results are the same with any. */
  readonly memoBytes?: number;
  readonly isUtf8?: Utf8Check;
  /** Told of the engine's memory before it is used, e.g. to ask for huge pages: look-ups at random are faster on these. */
  readonly adviseMemory?: MemoryAdvice;
}

/** Ids of the records of a block. */
export interface EncodedBlock {
  /** Full token ids of all records, one after the other. */
  readonly ids: Uint32Array;
  /** Where each record's ids begin, and where the last one's end: `[recordCount + 1]`. */
  readonly recordOffsets: Uint32Array;
  /** By id: which text of a pair it belongs to, as the template says. */
  readonly typeIds: Uint8Array;
  /** By id, which word of its record it is of, from 0; -1 for special tokens. Only of blocks of words. */
  readonly wordIds?: Int32Array;
  readonly truncatedRecordCount: number;
}

/** A template around one text: ids before it and after it, all of type 0. */
interface Wrapping {
  readonly before: Uint32Array;
  readonly after: Uint32Array;
}

/** Encodes records exactly as Tokenizer.encode does. */
export class FastEncoder {
  readonly #frame: Frame;
  readonly #texts: TextScanner;
  readonly #isUtf8: Utf8Check;
  readonly #wrapping: Wrapping | undefined;

  constructor(tokenizer: Tokenizer, options: FastEncoderOptions = {}) {
    this.#frame = new Frame(tokenizer.parts.postProcessor, options);
    this.#texts = sharedTextScanner(tokenizer, engineOptions(options));
    this.#isUtf8 = options.isUtf8 ?? isUtf8;
    this.#wrapping = this.#frame.cutsEnd ? wrappingOf(this.#frame.single) : undefined;
  }

  /**
   * Encodes the records of a block.
   * @throws TokenizerError INVALID_UTF8, INVALID_OPTION
   */
  encode(block: RecordBlock): EncodedBlock {
    checkBlock(block, this.#isUtf8);
    const count = recordCountOf(block);
    const places = this.#texts.engine.load(block);
    if (block.wordCounts !== undefined) return this.#encodeWords(block, places, block.wordCounts);
    if (this.#wrapping !== undefined && block.textOffsets.length === count + 1)
      return this.#encodeTexts(block, places, count, this.#wrapping);
    return this.#encodeRecords(block, places, count);
  }

  /** Bytes that remembered chunks take now, of all encoders of the tokenizer. */
  get memoBytes(): number {
    return this.#texts.engine.memoBytes;
  }

  /** Records of one text each, cut at their end where they are too long. */
  #encodeTexts(block: RecordBlock, places: BlockPlaces, count: number, { before, after }: Wrapping): EncodedBlock {
    const { engine } = this.#texts;
    const { exports, memory } = engine;
    const { text, offsets, results, truncatedCount, output } = places;
    const room = Math.min(NO_LIMIT, this.#frame.singleRoom);
    // The template's ids come first in the output, the records behind them.
    for (const ids of [before, after]) for (const id of ids) exports.writeId(id);
    const start = engine.writeEnd;
    const afterAt = output + before.length * 4;
    takeRecords(
      count,
      (first, end) =>
        exports.writeRecords(
          ...([text, offsets, first, end, room, output, before.length, afterAt, after.length] as const),
          ...([start, results, truncatedCount] as const),
        ),
      (record) => {
        for (const id of before) exports.writeId(id);
        const textAt = engine.writeEnd;
        const isTruncated = this.#texts.write(block, places, record) > room;
        if (isTruncated) exports.beginWrite(textAt + room * 4);
        engine.addTruncated(places, Number(isTruncated));
        for (const id of after) exports.writeId(id);
        memory.words[(results >>> 2) + record] = (engine.writeEnd - start) / 4;
      },
    );
    const { words } = memory;
    const recordOffsets = new Uint32Array(count + 1);
    recordOffsets.set(words.subarray(results >>> 2, (results >>> 2) + count), 1);
    const ids = words.slice(start >>> 2, engine.writeEnd >>> 2);
    const truncatedRecordCount = engine.truncatedCountOf(places);
    return { ids, recordOffsets, typeIds: new Uint8Array(ids.length), truncatedRecordCount };
  }

  /** Records of one or two texts. */
  #encodeRecords(block: RecordBlock, places: BlockPlaces, count: number): EncodedBlock {
    const { exports, memory } = this.#texts.engine;
    const { output } = places;
    const result = new EncodedRecords(count);
    for (let record = 0, index = 0; record < count; record++, index++) {
      const isPair = block.hasPair?.[record] === 1;
      exports.beginWrite(output);
      const first = this.#texts.write(block, places, index);
      const second = isPair ? this.#texts.write(block, places, ++index) : 0;
      const kept = this.#frame.lengths(first, isPair ? second : undefined);
      const ids = memory.words.subarray(output >>> 2, (output >>> 2) + first + second);
      const part = (start: number, length: number, keptLength: number): Uint32Array => {
        const from = this.#frame.cutsLeft ? start + length - keptLength : start;
        return ids.subarray(from, from + keptLength);
      };
      const [a, b] = [part(0, first, kept[0]), part(first, second, kept[1])];
      result.add(isPair ? this.#frame.pair : this.#frame.single, a, b);
      if (a.length + b.length < first + second) result.truncatedRecordCount++;
    }
    return result.take();
  }

  /** Records of words: each is a text of its own, without special tokens between them. */
  #encodeWords(block: RecordBlock, places: BlockPlaces, wordCounts: Uint32Array): EncodedBlock {
    const { exports, memory } = this.#texts.engine;
    const { output } = places;
    const result = new EncodedRecords(wordCounts.length);
    const allWordIds: number[] = [];
    let index = 0;
    for (const wordCount of wordCounts) {
      exports.beginWrite(output);
      const wordIds: number[] = [];
      for (let word = 0; word < wordCount; word++) {
        const length = this.#texts.write(block, places, index++);
        for (let token = 0; token < length; token++) wordIds.push(word);
      }
      const [kept] = this.#frame.lengths(wordIds.length, undefined);
      const from = this.#frame.cutsLeft ? wordIds.length - kept : 0;
      const ids = memory.words.subarray((output >>> 2) + from, (output >>> 2) + from + kept);
      result.add(this.#frame.single, ids, new Uint32Array());
      if (kept < wordIds.length) result.truncatedRecordCount++;
      for (const part of this.#frame.single) {
        if (part.kind === 'special') for (const _ of part.ids) allWordIds.push(-1);
        else for (let token = from; token < from + kept; token++) allWordIds.push(wordIds[token] ?? -1);
      }
    }
    return { ...result.take(), wordIds: Int32Array.from(allWordIds) };
  }
}

function wrappingOf(template: readonly TemplatePart[]): Wrapping | undefined {
  const at = template.findIndex((part) => part.kind === 'sequence');
  const isSimple = template.every((part, index) => part.typeId === 0 && (index === at) === (part.kind === 'sequence'));
  if (!isSimple || at < 0) return undefined;
  const idsOf = (parts: readonly TemplatePart[]): Uint32Array =>
    Uint32Array.from(parts.flatMap((part) => (part.kind === 'special' ? part.ids : [])));
  return { before: idsOf(template.slice(0, at)), after: idsOf(template.slice(at + 1)) };
}

/** Ids of records, put together by their templates. */
class EncodedRecords {
  truncatedRecordCount = 0;
  readonly #recordOffsets: Uint32Array;
  #recordCount = 0;
  #ids = new Uint32Array(1 << 12);
  #typeIds = new Uint8Array(1 << 12);
  #length = 0;

  constructor(recordCount: number) {
    this.#recordOffsets = new Uint32Array(recordCount + 1);
  }

  add(template: readonly TemplatePart[], first: Uint32Array, second: Uint32Array): void {
    for (const part of template) {
      const ids = part.kind === 'special' ? part.ids : part.sequence === 'A' ? first : second;
      this.#reserve(ids.length);
      this.#ids.set(ids, this.#length);
      this.#typeIds.fill(part.typeId, this.#length, this.#length + ids.length);
      this.#length += ids.length;
    }
    this.#recordOffsets[++this.#recordCount] = this.#length;
  }

  take(): EncodedBlock {
    return {
      ids: this.#ids.subarray(0, this.#length),
      recordOffsets: this.#recordOffsets,
      typeIds: this.#typeIds.subarray(0, this.#length),
      truncatedRecordCount: this.truncatedRecordCount,
    };
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
