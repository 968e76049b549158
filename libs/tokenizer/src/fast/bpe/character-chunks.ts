import type { Bpe } from '../../model/bpe.ts';
import type { ChunkModel } from '../chunk-model.ts';
import type { IdBuffer } from '../id-buffer.ts';
import { UnitMemo } from '../unit-memo.ts';
import { characterLength, codePointAt } from '../utf8.ts';
import { ArrayMerger } from './array-merger.ts';
import { CharacterPairs } from './character-pairs.ts';
import type { SpaceMark } from './space-mark.ts';

const SPACE = 0x20;

/** BPE over characters, with bytes for unknown ones and marks for spaces, on bytes. */
export class CharacterChunks implements ChunkModel {
  readonly #byteIds: Int32Array;
  // By code point; -1 for characters without a token.
  readonly #characterIds = new Int32Array(0x110000).fill(-1);
  readonly #pairs: CharacterPairs;
  readonly #merger: ArrayMerger;
  readonly #units: UnitMemo;
  readonly #markBytes: Uint8Array;
  readonly #space: SpaceMark;
  #text = new Uint8Array(1024);

  constructor(model: Bpe, byteIds: Int32Array, space: SpaceMark, unitMemoBytes: number) {
    this.#byteIds = byteIds;
    for (const [token, id] of model.vocabulary) {
      const codePoint = token.codePointAt(0) ?? 0;
      if (token.length === (codePoint > 0xffff ? 2 : 1)) this.#characterIds[codePoint] = id;
    }
    this.#pairs = new CharacterPairs(model.vocabulary.keys());
    this.#merger = new ArrayMerger(model.merges);
    this.#units = new UnitMemo(unitMemoBytes);
    this.#markBytes = new TextEncoder().encode(space.mark);
    this.#space = space;
  }

  tokenize(bytes: Uint8Array, start: number, end: number, isFirst: boolean, ids: IdBuffer): void {
    const length = this.#markSpaces(bytes, start, end, isFirst);
    const text = this.#text;
    let unitStart = 0;
    let previous = -1;
    for (let at = 0; at < length;) {
      const codePoint = codePointAt(text, at);
      if (previous >= 0 && !this.#pairs.has(previous, codePoint)) {
        this.#addUnit(unitStart, at, true, ids);
        unitStart = at;
      }
      previous = codePoint;
      at += characterLength(text[at] ?? 0);
    }
    // A chunk in one piece is remembered by the caller.
    if (unitStart < length) this.#addUnit(unitStart, length, unitStart > 0, ids);
  }

  /** Writes the chunk with marks for spaces; returns its length. */
  #markSpaces(bytes: Uint8Array, start: number, end: number, isFirst: boolean): number {
    const mark = this.#markBytes;
    const most = (end - start + 1) * mark.length;
    if (this.#text.length < most) this.#text = new Uint8Array(most * 2);
    const text = this.#text;
    let length = 0;
    const addMark = (): void => {
      for (let index = 0; index < mark.length; index++) text[length++] = mark[index] ?? 0;
    };
    if (
      isFirst &&
      (this.#space.prefix === 'always' || (this.#space.prefix === 'unless-marked' && !this.#isMarked(bytes, start)))
    )
      addMark();
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === SPACE) addMark();
      else text[length++] = byte;
    }
    return length;
  }

  #isMarked(bytes: Uint8Array, start: number): boolean {
    return bytes[start] === SPACE || this.#markBytes.every((byte, index) => bytes[start + index] === byte);
  }

  #addUnit(start: number, end: number, isRemembered: boolean, ids: IdBuffer): void {
    const text = this.#text;
    if (characterLength(text[start] ?? 0) === end - start) {
      this.#addCharacter(start);
      this.#merger.merge(ids);
      return;
    }
    if (isRemembered && this.#units.copy(text, start, end, ids)) return;
    const before = ids.length;
    for (let at = start; at < end; at += characterLength(text[at] ?? 0)) this.#addCharacter(at);
    this.#merger.merge(ids);
    if (isRemembered) this.#units.add(text, start, end, ids, before);
  }

  #addCharacter(at: number): void {
    const text = this.#text;
    const id = this.#characterIds[codePointAt(text, at)] ?? -1;
    if (id >= 0) {
      this.#merger.push(id);
      return;
    }
    const end = at + characterLength(text[at] ?? 0);
    for (let byteAt = at; byteAt < end; byteAt++) this.#merger.push(this.#byteIds[text[byteAt] ?? 0] ?? 0);
  }
}
