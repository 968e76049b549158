import type { Bpe } from '../../model/bpe.ts';
import { BYTE_CHARACTERS } from '../../unicode/byte-characters.ts';
import { compositionClasses } from '../../unicode/composition-classes.ts';
import { MAX_CHUNK_BYTES, MODEL_KINDS, type Engine, type EngineHost, type EngineModel } from '../engine/engine.ts';
import { installMerges } from '../engine/install-merges.ts';
import { installTokens } from '../engine/install-tokens.ts';
import { byteLevelTokens } from './byte-level-bytes.ts';
import { splitBits } from './character-bits.ts';
import type { TokenList } from '../token-list.ts';
import type { FoundSplit } from './find-split-family.ts';
import { SPLIT_FAMILIES } from './split-patterns.ts';

const PAIR_COUNT = 65_536;

/** Ids of the 256 single bytes; -1 where one is missing. */
export function singleByteIds(vocabulary: ReadonlyMap<string, number>): Int32Array {
  return Int32Array.from(BYTE_CHARACTERS, (character) => vocabulary.get(character) ?? -1);
}

/** Byte-level BPE with one of the known patterns before it. */
export class ByteLevelModel implements EngineModel {
  readonly #model: Bpe;
  readonly #byteIds: Int32Array;
  readonly #split: FoundSplit;
  readonly #isNfc: boolean;
  #tokens: TokenList | undefined;

  constructor(model: Bpe, byteIds: Int32Array, split: FoundSplit, isNfc: boolean) {
    this.#model = model;
    this.#byteIds = byteIds;
    this.#split = split;
    this.#isNfc = isNfc;
  }

  install(engine: Engine): Partial<EngineHost> {
    const { memory, exports } = engine;
    installMerges(engine, this.#model);
    if (this.#model.ignoresMerges) {
      this.#tokens ??= byteLevelTokens(this.#model.vocabulary);
      installTokens(engine, this.#tokens);
    }
    exports.setSplit(
      SPLIT_FAMILIES.indexOf(this.#split.family),
      memory.place(splitBits(this.#split.family)),
      memory.allocate((MAX_CHUNK_BYTES + 2) * 4),
      memory.allocate((MAX_CHUNK_BYTES + 2) * 4),
      memory.allocate((MAX_CHUNK_BYTES + 2) * 4),
    );
    exports.setByteLevel(
      memory.place(this.#byteIds),
      memory.allocate(PAIR_COUNT * 8),
      Number(this.#model.ignoresMerges),
      Number(this.#split.addsPrefixSpace),
      this.#isNfc ? memory.place(compositionClasses()) : 0,
    );
    exports.setModel(MODEL_KINDS.byteLevel);
    return {};
  }
}
