import type { Bpe } from '../../model/bpe.ts';
import { BYTE_CHARACTERS } from '../../unicode/byte-characters.ts';
import { normalizeText } from '../../unicode/normalization.ts';
import type { ChunkModel } from '../chunk-model.ts';
import type { IdBuffer } from '../id-buffer.ts';
import { ArrayMerger } from './array-merger.ts';
import { BytesToId } from './bytes-to-id.ts';
import type { FoundSplit } from './find-split-family.ts';
import { SplitScanner } from './split-scanner.ts';

const BLANK = 0x20;

/** Ids of the 256 single bytes; undefined where one is missing. */
export function singleByteIds(vocabulary: ReadonlyMap<string, number>): Int32Array | undefined {
  const ids = BYTE_CHARACTERS.map((character) => vocabulary.get(character) ?? -1);
  return ids.includes(-1) ? undefined : Int32Array.from(ids);
}

/** Byte-level BPE with one of the known patterns before it, on bytes. */
export class ByteLevelChunks implements ChunkModel {
  readonly #byteIds: Int32Array;
  readonly #merger: ArrayMerger;
  readonly #scanner: SplitScanner;
  readonly #split: FoundSplit;
  readonly #isNfc: boolean;
  // Tokens by their bytes, where one that is a whole piece is taken as it is.
  readonly #wholes: BytesToId | undefined;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  constructor(model: Bpe, byteIds: Int32Array, split: FoundSplit, isNfc: boolean) {
    this.#byteIds = byteIds;
    this.#merger = new ArrayMerger(model.merges);
    this.#scanner = new SplitScanner(split.family);
    this.#split = split;
    this.#isNfc = isNfc;
    this.#wholes = model.ignoresMerges ? BytesToId.ofByteLevel(model.vocabulary) : undefined;
  }

  tokenize(bytes: Uint8Array, start: number, end: number, isFirst: boolean, ids: IdBuffer): void {
    if (this.#isNfc && !isAscii(bytes, start, end)) {
      const text = this.#decoder.decode(bytes.subarray(start, end));
      const normalized = normalizeText(text, 'NFC');
      if (normalized !== text) {
        const changed = this.#encoder.encode(normalized);
        this.#tokenize(changed, 0, changed.length, ids);
        return;
      }
    }
    if (isFirst && this.#split.addsPrefixSpace && bytes[start] !== BLANK) {
      const prefixed = new Uint8Array(end - start + 1);
      prefixed[0] = BLANK;
      prefixed.set(bytes.subarray(start, end), 1);
      this.#tokenize(prefixed, 0, prefixed.length, ids);
      return;
    }
    this.#tokenize(bytes, start, end, ids);
  }

  #tokenize(bytes: Uint8Array, start: number, end: number, ids: IdBuffer): void {
    const scanner = this.#scanner;
    scanner.split(bytes, start, end);
    let pieceStart = start;
    for (let piece = 0; piece < scanner.pieceCount; piece++) {
      const pieceEnd = scanner.offsets[scanner.ends[piece] ?? 0] ?? end;
      this.#addPiece(bytes, pieceStart, pieceEnd, ids);
      pieceStart = pieceEnd;
    }
  }

  #addPiece(bytes: Uint8Array, start: number, end: number, ids: IdBuffer): void {
    const whole = this.#wholes?.find(bytes, start, end) ?? -1;
    if (whole >= 0) {
      ids.push(whole);
      return;
    }
    for (let at = start; at < end; at++) this.#merger.push(this.#byteIds[bytes[at] ?? 0] ?? 0);
    this.#merger.merge(ids);
  }
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at] ?? 0) >= 0x80) return false;
  return true;
}
