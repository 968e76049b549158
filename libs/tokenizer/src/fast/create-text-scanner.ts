import type { Tokenizer } from '../tokenizer.ts';
import { AddedTokenScanner } from './added-token-scanner.ts';
import { bytePathOf } from './byte-path.ts';
import { installAddedTokens } from './engine/added-token-pairs.ts';
import { Engine, type EngineOptions } from './engine/engine.ts';
import { partsOf } from './json.ts';
import { TextScanner } from './text-scanner.ts';

export function createTextScanner(tokenizer: Tokenizer, options: EngineOptions): TextScanner {
  const { parts, addedTokens } = tokenizer;
  const rawTokens = addedTokens.filter((token) => !token.normalized);
  const normalizedTokens = addedTokens.filter((token) => token.normalized && token.content !== '');
  // In text that no normalizer changes, tokens of normalized text are found in the raw bytes too; otherwise only the
  // pipeline finds them, and a cut could go through one.
  const isPlain = normalizedTokens.length === 0 || partsOf(parts.normalizerJson, 'normalizers').length === 0;
  const { rule, model } = bytePathOf(parts, isPlain);
  const engine = new Engine(rule, model, parts.pipeline, tokenizer.vocabSize, options);
  const found = isPlain ? [rawTokens, normalizedTokens] : [rawTokens];
  installAddedTokens(engine, found.flat());
  const finders = found.map((tokens) => new AddedTokenScanner(tokens));
  return new TextScanner(engine, finders, rule.firstScope);
}

const shared = new WeakMap<Tokenizer, Map<number, TextScanner>>();

/** One scanner for all who only write ids: what it remembers serves them all, and its memory is as the first one wants it. */
export function sharedTextScanner(tokenizer: Tokenizer, options: EngineOptions): TextScanner {
  const { memoBytes } = options;
  let scanners = shared.get(tokenizer);
  if (scanners === undefined) shared.set(tokenizer, (scanners = new Map<number, TextScanner>()));
  let scanner = scanners.get(memoBytes);
  if (scanner === undefined) scanners.set(memoBytes, (scanner = createTextScanner(tokenizer, options)));
  return scanner;
}
