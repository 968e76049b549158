import { BertNormalizer } from '../../normalizer/bert-normalizer.ts';
import { WordPiece } from '../../model/word-piece.ts';
import type { TokenizerParts } from '../../tokenizer.ts';
import { PipelineChunks } from '../chunk-model.ts';
import type { BytePath } from '../create-text-scanner.ts';
import { typeOf } from '../json.ts';
import { BERT_CUTS, BERT_CUTS_WITHOUT_IDEOGRAPHS } from './bert-cuts.ts';
import { WordPieceChunks } from './word-piece-chunks.ts';

/** The byte path of tokenizers that split as BERT's does; undefined for others. */
export function createBertPath(parts: TokenizerParts): BytePath | undefined {
  const { normalizer } = parts;
  if (typeOf(parts.preTokenizerJson) !== 'BertPreTokenizer') return undefined;
  if (normalizer !== undefined && !(normalizer instanceof BertNormalizer)) return undefined;
  const rule = normalizer?.normalize('中') === ' 中 ' ? BERT_CUTS : BERT_CUTS_WITHOUT_IDEOGRAPHS;
  const model =
    parts.model instanceof WordPiece
      ? new WordPieceChunks(parts.model, normalizer, parts.pipeline)
      : new PipelineChunks(parts.pipeline);
  return { rule, model };
}
