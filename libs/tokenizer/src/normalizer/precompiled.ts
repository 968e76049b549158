import type { AlignedText } from '../aligned-text.ts';
import type { Component } from '../component.ts';
import { TokenizerError } from '../error.ts';
import { MAX_CHARSMAP_BYTES } from '../limits.ts';
import type { Normalizer } from './normalizer.ts';

// The reference library looks a grapheme up as a whole only below this length in bytes.
const MAX_GRAPHEME_BYTES = 6;

// Everything that is not ASCII, and single ASCII characters between. A carriage return may be one grapheme with a line feed.
const SEGMENTED = /[^\x00-\x0c\x0e-\x7f]+(?:[\x00-\x0c\x0e-\x7f][^\x00-\x0c\x0e-\x7f]+)*/g;

/**
 * SentencePiece's precompiled character map: a double-array trie (darts-clone) from byte sequences to replacements. Each
 * grapheme that is short enough is replaced by what its SHORTEST prefix in the map gives, the rest of it is dropped; of
 * longer ones each character is looked up by itself (tokenizers' `precompiled.rs`).
 */
export class Precompiled implements Normalizer {
  readonly #units: Uint32Array;
  readonly #replacements: Uint8Array;
  readonly #segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
  readonly #encoder = new TextEncoder();
  // Replacements of single ASCII characters; undefined where the map has none.
  readonly #ascii: (string | undefined)[];

  constructor(component: Component) {
    const bytes = decodeBase64(component);
    const trieBytes = new DataView(bytes.buffer).getUint32(0, true);
    if (trieBytes % 4 !== 0 || 4 + trieBytes > bytes.length)
      component.fail('precompiled_charsmap', `a trie of ${trieBytes} bytes inside of its ${bytes.length} bytes`);
    this.#units = new Uint32Array(bytes.slice(4, 4 + trieBytes).buffer);
    this.#replacements = bytes.subarray(4 + trieBytes);
    this.#ascii = Array.from({ length: 128 }, (_, code) => this.#lookUp(String.fromCharCode(code)));
  }

  normalize(text: string): string {
    let result = '';
    let start = 0;
    // Runs of ASCII need no segmentation: each is a grapheme by itself, but for the last, which a combining character may
    // follow, and the first, which a character such as U+0600 may hold on to. So both count to what is around them.
    for (const match of text.matchAll(SEGMENTED)) {
      const first = Math.max(start, match.index - 1);
      result += this.#normalizeAscii(text.slice(start, first));
      start = Math.min(text.length, match.index + match[0].length + 1);
      result += this.#normalizeGraphemes(text.slice(first, start));
    }
    return result + this.#normalizeAscii(text.slice(start));
  }

  align(text: AlignedText): AlignedText {
    const characters: string[] = [];
    const changes: number[] = [];
    const replace = (old: string, replacement: string): void => {
      const found = [...replacement];
      characters.push(...found);
      changes.push(...found.map(() => 0));
      const surplus = found.length - [...old].length;
      if (surplus > 0) changes.fill(1, -surplus);
      // What is lost without a replacement is lost after the character before it.
      else if (changes.length > 0) changes[changes.length - 1] = (changes.at(-1) ?? 0) + surplus;
    };
    let isChanged = false;
    for (const { segment } of this.#segmenter.segment(text.text))
      for (const part of this.#partsOf(segment)) {
        const replacement = this.#lookUp(part);
        isChanged ||= replacement !== undefined;
        replace(part, replacement ?? part);
      }
    return isChanged ? text.transform(characters, changes) : text;
  }

  /** What is looked up of a grapheme: itself, or each of its characters. */
  #partsOf(grapheme: string): readonly string[] {
    const isShort = this.#encoder.encode(grapheme).length < MAX_GRAPHEME_BYTES;
    return isShort && this.#lookUp(grapheme) !== undefined ? [grapheme] : [...grapheme];
  }

  #normalizeAscii(text: string): string {
    let result = '';
    for (let index = 0; index < text.length; index++)
      result += this.#ascii[text.charCodeAt(index)] ?? text.charAt(index);
    return result;
  }

  #normalizeGraphemes(text: string): string {
    let result = '';
    for (const { segment } of this.#segmenter.segment(text)) {
      const replacement = this.#encoder.encode(segment).length < MAX_GRAPHEME_BYTES ? this.#lookUp(segment) : undefined;
      if (replacement !== undefined) result += replacement;
      else for (const character of segment) result += this.#lookUp(character) ?? character;
    }
    return result;
  }

  /** What the shortest prefix of `text` in the map is replaced by. */
  #lookUp(text: string): string | undefined {
    let position = unitOffset(this.#units[0] ?? 0);
    for (const byte of this.#encoder.encode(text)) {
      if (byte === 0) return undefined;
      position ^= byte;
      const unit = this.#units[position] ?? 0;
      if ((unit & 0x800000ff) !== byte) return undefined;
      position ^= unitOffset(unit);
      const hasLeaf = ((unit >>> 8) & 1) === 1;
      if (hasLeaf) return this.#replacementAt((this.#units[position] ?? 0) & 0x7fffffff);
    }
    return undefined;
  }

  #replacementAt(offset: number): string {
    const end = this.#replacements.indexOf(0, offset);
    return new TextDecoder().decode(this.#replacements.subarray(offset, end < 0 ? this.#replacements.length : end));
  }
}

function unitOffset(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

function decodeBase64(component: Component): Uint8Array<ArrayBuffer> {
  const text = component.text('precompiled_charsmap');
  if (text.length > (MAX_CHARSMAP_BYTES * 4) / 3)
    throw new TokenizerError(
      'TOO_LARGE',
      `${component.where}: precompiled_charsmap is over the limit of ${MAX_CHARSMAP_BYTES} bytes`,
    );
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    if (bytes.length >= 8) return bytes;
  } catch (cause) {
    throw new TokenizerError('INVALID_TOKENIZER', `${component.where}: precompiled_charsmap is not valid base64`, {
      cause,
    });
  }
  return component.fail('precompiled_charsmap', 'at least 8 bytes in base64');
}
