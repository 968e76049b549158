import type { Tokenizer, TokenizerParts } from '../tokenizer.ts';
import { AddedTokenScanner } from './added-token-scanner.ts';
import { PipelineChunks, type ChunkModel } from './chunk-model.ts';
import { ChunkScanner } from './chunk-scanner.ts';
import { partsOf } from './json.ts';
import { NO_CUTS, type CutRule } from './cut-rule.ts';
import { createBertPath } from './bert/create-bert-path.ts';
import { createByteLevelPath } from './bpe/create-byte-level-path.ts';
import { createCharacterPath } from './bpe/create-character-path.ts';
import { TextScanner } from './text-scanner.ts';
import type { TokenTotals } from './token-totals.ts';
import { createUnigramPath } from './unigram/create-unigram-path.ts';

/** How a tokenizer's bytes are cut, and what tokenizes a chunk. */
export interface BytePath {
  readonly rule: CutRule;
  readonly model: ChunkModel;
}

// A path is large (tries, tables of characters) and keeps nothing of what it has seen, so that all counters and encoders of
// a tokenizer share one.
const paths = new WeakMap<TokenizerParts, BytePath>();
const FAMILIES = [createBertPath, createByteLevelPath, createCharacterPath, createUnigramPath];

/** The byte path of a tokenizer; one that no family knows is cut at added tokens only. */
export function createTextScanner(tokenizer: Tokenizer, totals: TokenTotals, memoBytes: number): TextScanner {
  const { parts } = tokenizer;
  const rawTokens = new AddedTokenScanner(tokenizer.addedTokens.filter((token) => !token.normalized));
  const normalizedTokens = new AddedTokenScanner(tokenizer.addedTokens.filter((token) => token.normalized));
  // In text that no normalizer changes, tokens of normalized text are found in the raw bytes too; otherwise only the
  // pipeline finds them, and a cut could go through one.
  const isPlain = normalizedTokens.isEmpty || partsOf(parts.normalizerJson, 'normalizers').length === 0;
  const { rule, model } = pathOf(parts, isPlain);
  const finders = isPlain ? [rawTokens, normalizedTokens] : [rawTokens];
  return new TextScanner(new ChunkScanner(rule, model, totals, memoBytes), totals, finders, rule.firstScope);
}

function pathOf(parts: TokenizerParts, isPlain: boolean): BytePath {
  let path = paths.get(parts);
  if (path === undefined) {
    if (isPlain) for (const create of FAMILIES) path ??= create(parts);
    path ??= { rule: NO_CUTS, model: new PipelineChunks(parts.pipeline) };
    paths.set(parts, path);
  }
  return path;
}
