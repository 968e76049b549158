import { compactTrieOf, type CompactTrie } from '../../model/compact-trie.ts';
import type { WordPiece } from '../../model/word-piece.ts';
import type { Normalizer } from '../../normalizer/normalizer.ts';
import { decompose } from '../../unicode/normalization.ts';
import { parseRanges } from '../../unicode/code-point-set.ts';
import { PUNCTUATION, WHITE_SPACE } from '../../unicode/tables.ts';
import { MODEL_KINDS, type Engine, type EngineHost, type EngineModel } from '../engine/engine.ts';
import type { Address } from '../engine/engine-exports.ts';

const CODE_POINT_COUNT = 0x110000;
// What the replacements of all characters together come to stays below: 1,114,112 characters, few of which change.
const REPLACEMENT_BYTES = 2 ** 20;
// As in `assembly/word-piece.ts`.
const [SPACE_KIND, PUNCTUATION_KIND] = [1, 2];
const [UNCHANGED, MOVABLE] = [-1, -2];
// Marks of the lowest and of the highest class: any mark changes places with one of them.
const [LOWEST, HIGHEST] = [0x334, 0x345];

/** WordPiece after BertNormalizer, or none, and BertPreTokenizer. */
export class WordPieceModel implements EngineModel {
  readonly #model: WordPiece;
  readonly #normalizer: Normalizer | undefined;
  #trie: CompactTrie | undefined;

  constructor(model: WordPiece, normalizer: Normalizer | undefined) {
    this.#model = model;
    this.#normalizer = normalizer;
  }

  install(engine: Engine): Partial<EngineHost> {
    const { memory, exports } = engine;
    const encoder = new TextEncoder();
    const { vocabulary, prefix, maxCharacters, unkTokenId } = this.#model;
    this.#trie ??= compactTrieOf(Array.from(vocabulary, ([token, id]) => [encoder.encode(token), id] as const));
    exports.setTrie(memory.place(this.#trie.nodes), memory.place(this.#trie.labels), memory.allocate(256 * 4));
    const prefixBytes = encoder.encode(prefix);
    const prefixAt = memory.place(prefixBytes);
    const kinds = new Uint8Array(CODE_POINT_COUNT);
    for (const [start, end] of parseRanges(WHITE_SPACE)) kinds.fill(SPACE_KIND, start, end);
    for (const [start, end] of parseRanges(PUNCTUATION)) kinds.fill(PUNCTUATION_KIND, start, end);
    const replacements = memory.allocate(REPLACEMENT_BYTES);
    exports.setWordPiece(
      memory.allocate(CODE_POINT_COUNT * 4),
      replacements,
      memory.place(kinds),
      exports.nodeOf(prefixAt, prefixAt + prefixBytes.length),
      maxCharacters,
      unkTokenId,
    );
    exports.setModel(MODEL_KINDS.wordPiece);
    return { normalizeCharacter: characterNormalizer(engine, this.#normalizer, replacements) };
  }
}

/** Asks the normalizer for each character once; what it gives goes to the engine's replacements. */
function characterNormalizer(
  engine: Engine,
  normalizer: Normalizer | undefined,
  replacements: Address,
): EngineHost['normalizeCharacter'] {
  const encoder = new TextEncoder();
  const disordered = String.fromCodePoint(HIGHEST, LOWEST);
  const keepsOrder = normalizer === undefined || normalizer.normalize(disordered) === disordered;
  // Place 0 means that nothing is known yet.
  let end = 1;
  return (codePoint) => {
    const character = String.fromCodePoint(codePoint);
    const normalized = normalizer?.normalize(character) ?? character;
    if (!keepsOrder && [...normalized].some(isMovable)) return MOVABLE;
    if (normalized === character) return UNCHANGED;
    const bytes = encoder.encode(normalized);
    if (end + 1 + bytes.length > REPLACEMENT_BYTES || bytes.length > 0xff)
      throw new RangeError(`Replacements of characters are over the limit of ${REPLACEMENT_BYTES} bytes`);
    const place = end;
    const { bytes: target } = engine.memory;
    target[replacements + place] = bytes.length;
    target.set(bytes, replacements + place + 1);
    end += bytes.length + 1;
    return place;
  };
}

/** Whether canonical order may move a character behind a mark after it, or before one that is before it. */
function isMovable(character: string): boolean {
  const codePoint = character.codePointAt(0) ?? 0;
  const isBehind = (text: string): boolean => decompose(text, false).at(-1) === codePoint;
  return (
    codePoint >= 0x300 &&
    decompose(character, false).length === 1 &&
    (isBehind(character + String.fromCodePoint(LOWEST)) || !isBehind(String.fromCodePoint(HIGHEST) + character))
  );
}
