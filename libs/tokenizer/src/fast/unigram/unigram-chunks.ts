import type { Unigram } from '../../model/unigram.ts';
import type { Pipeline } from '../../pipeline.ts';
import { whiteSpace } from '../../unicode/character-classes.ts';
import { PipelineChunks, type ChunkModel } from '../chunk-model.ts';
import type { IdBuffer } from '../id-buffer.ts';
import { characterLength, codePointAt } from '../utf8.ts';
import { Charsmap } from './charsmap.ts';
import type { UnigramText } from './find-unigram-text.ts';

const SPACE = 0x20;
// U+2581 in UTF-8.
const MARK = Uint8Array.of(0xe2, 0x96, 0x81);

/** Unigram after a character map and Metaspace, on bytes. */
export class UnigramChunks implements ChunkModel {
  readonly #model: Unigram;
  readonly #text: UnigramText;
  readonly #charsmap: Charsmap | undefined;
  readonly #spaces: ReadonlySet<number>;
  readonly #slow: PipelineChunks;
  // Words with their marks.
  #marked = new Uint8Array(1024);
  #length = 0;

  constructor(model: Unigram, text: UnigramText, pipeline: Pipeline) {
    this.#model = model;
    this.#text = text;
    this.#charsmap = text.charsmap === undefined ? undefined : new Charsmap(text.charsmap);
    this.#spaces = new Set(text.spaces);
    this.#slow = new PipelineChunks(pipeline);
  }

  tokenize(bytes: Uint8Array, start: number, end: number, isFirst: boolean, ids: IdBuffer): void {
    let [text, from, to] = [bytes, start, end];
    let isOdd = this.#hasSpaces(bytes, start, end);
    if (!isOdd && this.#charsmap?.touches(bytes, start, end) === true) {
      to = this.#charsmap.apply(bytes, start, end);
      [text, from] = [this.#charsmap.output, 0];
      isOdd = to < 0;
    }
    if (isOdd) {
      this.#slow.tokenize(bytes, start, end, isFirst, ids);
      return;
    }
    this.#length = 0;
    if (this.#text.splitsAtWhiteSpace) this.#markWords(text, from, to);
    else this.#markText(text, from, to);
    const marked = this.#marked;
    let wordStart = 0;
    for (let at = 1; at <= this.#length; at++) {
      if (at < this.#length && !isMark(marked, at)) continue;
      for (const id of this.#model.tokenizeBytes(marked.subarray(wordStart, at))) ids.push(id);
      wordStart = at;
    }
  }

  /** Marks spaces, and the beginning where there is none. */
  #markText(text: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    if (start < end && text[start] !== SPACE && !isMark(text, start)) this.#addMark();
    for (let at = start; at < end; at++) {
      const byte = text[at] ?? 0;
      if (byte !== SPACE) this.#marked[this.#length++] = byte;
      else if (!this.#text.joinsSpaces || at === start || text[at - 1] !== SPACE) this.#addMark();
    }
  }

  /** Marks the beginning of each word that has no mark; white space is dropped. */
  #markWords(text: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    let isInside = false;
    for (let at = start; at < end;) {
      const size = characterLength(text[at] ?? 0);
      if (whiteSpace.has(codePointAt(text, at))) isInside = false;
      else {
        if (!isInside && !isMark(text, at)) this.#addMark();
        isInside = true;
        for (let index = 0; index < size; index++) this.#marked[this.#length++] = text[at + index] ?? 0;
      }
      at += size;
    }
  }

  #addMark(): void {
    for (const byte of MARK) this.#marked[this.#length++] = byte;
  }

  #hasSpaces(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#spaces.size === 0) return false;
    for (let at = start; at < end; at++)
      if ((bytes[at] ?? 0) >= 0xc0 && this.#spaces.has(codePointAt(bytes, at))) return true;
    return false;
  }

  #reserve(textBytes: number): void {
    const most = (textBytes + 1) * (MARK.length + 1);
    if (this.#marked.length < most) this.#marked = new Uint8Array(most * 2);
  }
}

function isMark(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === MARK[0] && bytes[at + 1] === MARK[1] && bytes[at + 2] === MARK[2];
}
