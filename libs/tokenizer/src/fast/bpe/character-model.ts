import type { Bpe } from '../../model/bpe.ts';
import { MODEL_KINDS, type Engine, type EngineHost, type EngineModel } from '../engine/engine.ts';
import { installMerges } from '../engine/install-merges.ts';
import type { SpaceMark } from './space-mark.ts';

const CODE_POINT_COUNT = 0x110000;
// 1 MB of bits: about 4% of the pairs that are in no token look as if they were, for a vocabulary of 260,000.
const PAIR_BYTES = 2 ** 20;
// Pairs of characters of ASCII.
const PLAIN_PAIR_COUNT = 128 * 128;
const PREFIXES = ['none', 'always', 'unless-marked'] as const;

/**
 * BPE over characters, with bytes for unknown ones and marks for spaces. Where two characters are next to each other in no
 * token, no merge can ever reach over the place between them: chunks are merged in parts that are remembered as well.
 */
export class CharacterModel implements EngineModel {
  readonly #model: Bpe;
  readonly #byteIds: Int32Array;
  readonly #space: SpaceMark;

  constructor(model: Bpe, byteIds: Int32Array, space: SpaceMark) {
    this.#model = model;
    this.#byteIds = byteIds;
    this.#space = space;
  }

  install(engine: Engine): Partial<EngineHost> {
    const { memory, exports } = engine;
    installMerges(engine, this.#model);
    const characterIds = new Int32Array(CODE_POINT_COUNT);
    const mark = new TextEncoder().encode(this.#space.mark);
    for (const [token, id] of this.#model.vocabulary) {
      const codePoint = token.codePointAt(0) ?? 0;
      if (token.length === (codePoint > 0xffff ? 2 : 1)) characterIds[codePoint] = id + 1;
    }
    exports.setCharacters(
      memory.place(characterIds),
      memory.place(this.#byteIds),
      memory.allocate(PAIR_BYTES),
      memory.place(mark),
      mark.length,
      PREFIXES.indexOf(this.#space.prefix),
      memory.allocate(PLAIN_PAIR_COUNT * 8),
    );
    for (const token of this.#model.vocabulary.keys()) {
      let previous = -1;
      for (let index = 0; index < token.length; index++) {
        const codePoint = token.codePointAt(index) ?? 0;
        if (codePoint > 0xffff) index++;
        if (previous >= 0) exports.addPair(previous, codePoint);
        previous = codePoint;
      }
    }
    exports.setModel(MODEL_KINDS.characters);
    return {};
  }
}
