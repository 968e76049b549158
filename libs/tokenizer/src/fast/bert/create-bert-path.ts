import { BertNormalizer } from '../../normalizer/bert-normalizer.ts';
import { WordPiece } from '../../model/word-piece.ts';
import type { TokenizerParts } from '../../tokenizer.ts';
import type { BytePath } from '../byte-path.ts';
import { PIPELINE_MODEL } from '../engine/engine.ts';
import { typeOf } from '../json.ts';
import { BERT_CUTS, BERT_CUTS_WITHOUT_IDEOGRAPHS } from './bert-cuts.ts';
import { WordPieceModel } from './word-piece-model.ts';

/** The byte path of tokenizers that split as BERT's does; undefined for others. */
export function createBertPath(parts: TokenizerParts): BytePath | undefined {
  const { normalizer } = parts;
  if (typeOf(parts.preTokenizerJson) !== 'BertPreTokenizer') return undefined;
  if (normalizer !== undefined && !(normalizer instanceof BertNormalizer)) return undefined;
  const rule = normalizer?.normalize('中') === ' 中 ' ? BERT_CUTS : BERT_CUTS_WITHOUT_IDEOGRAPHS;
  // Without a prefix, continuations begin at the root of the trie, which the engine takes for nowhere.
  const isKnown = parts.model instanceof WordPiece && parts.model.prefix !== '';
  const model = isKnown ? new WordPieceModel(parts.model, normalizer) : PIPELINE_MODEL;
  return { rule, model };
}
