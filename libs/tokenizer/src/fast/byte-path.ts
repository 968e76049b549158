import type { TokenizerParts } from '../tokenizer.ts';
import { createBertPath } from './bert/create-bert-path.ts';
import { createByteLevelPath } from './bpe/create-byte-level-path.ts';
import { createCharacterPath } from './bpe/create-character-path.ts';
import { NO_CUTS, type CutRule } from './cut-rule.ts';
import { PIPELINE_MODEL, type EngineModel } from './engine/engine.ts';
import { createUnigramPath } from './unigram/create-unigram-path.ts';

/** How a tokenizer's bytes are cut, and what tokenizes a chunk. */
export interface BytePath {
  readonly rule: CutRule;
  readonly model: EngineModel;
}

const FAMILIES = [createBertPath, createByteLevelPath, createCharacterPath, createUnigramPath];

// Its tables take time to make, and all counters and encoders of a tokenizer can share them.
const paths = new WeakMap<TokenizerParts, BytePath>();

/**
 * The byte path of a tokenizer; one that no family knows is cut at added tokens only.
 * @param isPlain whether every added token is found in raw text
 */
export function bytePathOf(parts: TokenizerParts, isPlain: boolean): BytePath {
  let path = paths.get(parts);
  if (path === undefined) {
    if (isPlain) for (const create of FAMILIES) path ??= create(parts);
    path ??= { rule: NO_CUTS, model: PIPELINE_MODEL };
    paths.set(parts, path);
  }
  return path;
}
