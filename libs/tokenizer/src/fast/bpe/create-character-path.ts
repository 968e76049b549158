import { Bpe } from '../../model/bpe.ts';
import type { TokenizerParts } from '../../tokenizer.ts';
import type { BytePath } from '../byte-path.ts';
import { CharacterModel } from './character-model.ts';
import { canInstallMerges } from '../engine/install-merges.ts';
import { findSpaceMark } from './space-mark.ts';
import { vocabularyCuts } from './vocabulary-cuts.ts';

const BYTE_TOKEN = /<0x[0-9A-F]{2}>/;

/** The byte path of BPE over whole texts with byte fallback (Llama 2, Gemma); undefined for others. */
export function createCharacterPath(parts: TokenizerParts): BytePath | undefined {
  const { model } = parts;
  const space = findSpaceMark(parts.normalizerJson, parts.preTokenizerJson);
  if (!(model instanceof Bpe) || space === undefined) return undefined;
  // A whole text that is a token would be looked up as it is.
  if (!canInstallMerges(model) || model.ignoresMerges || model.prefix !== '' || model.suffix !== '') return undefined;
  const ids = neededByteIds(model);
  if (ids === undefined) return undefined;
  // Bytes must be in no merge: a token that one makes would have a byte's name in its own.
  for (const token of model.vocabulary.keys()) if (token.length > 6 && BYTE_TOKEN.test(token)) return undefined;
  return {
    rule: vocabularyCuts(model.vocabulary.keys(), space),
    model: new CharacterModel(model, ids, space),
  };
}

/** Ids of the byte tokens, 0 for those that no character can need (Gemma 2 has none for a tab, which is a token itself). */
function neededByteIds(model: Bpe): Int32Array | undefined {
  const { byteIds, vocabulary } = model;
  if (byteIds === undefined) return undefined;
  const isNeeded = (byte: number): boolean => byte >= 0x80 || !vocabulary.has(String.fromCharCode(byte));
  if (byteIds.some((id, byte) => id === undefined && isNeeded(byte))) return undefined;
  return Int32Array.from(byteIds, (id) => id ?? 0);
}
