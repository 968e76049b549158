import { compactTrie, type CompactTrie } from '../../model/compact-trie.ts';
import type { Unigram } from '../../model/unigram.ts';
import { parseRanges } from '../../unicode/code-point-set.ts';
import { WHITE_SPACE } from '../../unicode/tables.ts';
import { MODEL_KINDS, WORK_BYTES, type Engine, type EngineHost, type EngineModel } from '../engine/engine.ts';
import type { UnigramText } from './find-unigram-text.ts';

const CODE_POINT_COUNT = 0x110000;
// As in `assembly/unigram.ts` and `assembly/charsmap.ts`.
const [IS_WHITE, BECOMES_SPACE] = [1, 2];
const [SOLITARY, SOCIAL] = [1, 2];
const PATH_BYTES = 16;
const PADDING = 16;

/** Unigram after a character map and Metaspace. */
export class UnigramModel implements EngineModel {
  readonly #model: Unigram;
  readonly #unkTokenId: number;
  readonly #text: UnigramText;
  #trie: CompactTrie | undefined;

  /** @param model without byte fallback */
  constructor(model: Unigram, unkTokenId: number, text: UnigramText) {
    this.#model = model;
    this.#unkTokenId = unkTokenId;
    this.#text = text;
  }

  install(engine: Engine): Partial<EngineHost> {
    const { memory, exports } = engine;
    const { joinsSpaces, splitsAtWhiteSpace, spaces, charsmap } = this.#text;
    const { scores, unkScore } = this.#model;
    this.#trie ??= compactTrie(this.#model.trie);
    exports.setTrie(memory.place(this.#trie.nodes), memory.place(this.#trie.labels), memory.allocate(256 * 4));
    const kinds = new Uint8Array(CODE_POINT_COUNT);
    for (const [start, end] of parseRanges(WHITE_SPACE)) kinds.fill(IS_WHITE, start, end);
    for (const codePoint of spaces) kinds[codePoint] = (kinds[codePoint] ?? 0) | BECOMES_SPACE;
    exports.setUnigram(
      memory.place(scores),
      this.#unkTokenId,
      unkScore,
      memory.place(kinds),
      Number(spaces.length > 0),
      Number(charsmap !== undefined),
      Number(joinsSpaces),
      Number(splitsAtWhiteSpace),
      memory.allocate(WORK_BYTES + PADDING),
      memory.allocate((WORK_BYTES + 1) * PATH_BYTES),
    );
    if (charsmap !== undefined) this.#installCharsmap(engine, charsmap);
    exports.setModel(MODEL_KINDS.unigram);
    return { classifyGrapheme };
  }

  /** @param base64 a map that Precompiled has read before */
  #installCharsmap({ memory, exports }: Engine, base64: string): void {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const trieBytes = new DataView(bytes.buffer).getUint32(0, true);
    const replacements = memory.place(bytes.subarray(4 + trieBytes));
    exports.setCharsmap(
      memory.place(bytes.subarray(4, 4 + trieBytes)),
      trieBytes >> 2,
      replacements,
      replacements + bytes.length - 4 - trieBytes,
      memory.allocate(CODE_POINT_COUNT),
    );
  }
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Whether a character neither extends, nor is extended as jamo and flags are, nor holds on to what comes after it. */
function classifyGrapheme(codePoint: number): number {
  const character = String.fromCodePoint(codePoint);
  const isPair = (text: string): boolean => [...segmenter.segment(text)].length === 2;
  // A carriage return holds on to a line feed.
  if (codePoint === 13) return SOCIAL;
  return isPair(`a${character}`) && isPair(`${character}a`) && isPair(character + character) ? SOLITARY : SOCIAL;
}
