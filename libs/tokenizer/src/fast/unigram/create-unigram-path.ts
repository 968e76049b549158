import { Unigram } from '../../model/unigram.ts';
import type { Model } from '../../model/model.ts';
import type { TokenizerParts } from '../../tokenizer.ts';
import type { BytePath } from '../byte-path.ts';
import { PIPELINE_MODEL, type EngineModel } from '../engine/engine.ts';
import { findUnigramText, type UnigramText } from './find-unigram-text.ts';
import { metaspaceCuts } from './metaspace-cuts.ts';
import { UnigramModel } from './unigram-model.ts';

/** The byte path of tokenizers made of SentencePiece models with words; undefined for others. */
export function createUnigramPath(parts: TokenizerParts): BytePath | undefined {
  const text = findUnigramText(parts.normalizerJson, parts.preTokenizerJson);
  if (text === undefined) return undefined;
  return { rule: metaspaceCuts(parts.normalizer), model: createModel(parts.model, text) };
}

function createModel(model: Model, text: UnigramText): EngineModel {
  if (!(model instanceof Unigram) || model.hasByteFallback || model.unkTokenId === undefined) return PIPELINE_MODEL;
  return new UnigramModel(model, model.unkTokenId, text);
}
