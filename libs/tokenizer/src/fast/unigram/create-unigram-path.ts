import { Unigram } from '../../model/unigram.ts';
import type { TokenizerParts } from '../../tokenizer.ts';
import { PipelineChunks } from '../chunk-model.ts';
import type { BytePath } from '../create-text-scanner.ts';
import { findUnigramText } from './find-unigram-text.ts';
import { metaspaceCuts } from './metaspace-cuts.ts';
import { UnigramChunks } from './unigram-chunks.ts';

/** The byte path of tokenizers made of SentencePiece models with words; undefined for others. */
export function createUnigramPath(parts: TokenizerParts): BytePath | undefined {
  const text = findUnigramText(parts.normalizerJson, parts.preTokenizerJson);
  if (text === undefined) return undefined;
  const { model, normalizer, pipeline } = parts;
  const chunks = model instanceof Unigram ? new UnigramChunks(model, text, pipeline) : new PipelineChunks(pipeline);
  return { rule: metaspaceCuts(normalizer), model: chunks };
}
