import { Bpe } from '../../model/bpe.ts';
import type { TokenizerParts } from '../../tokenizer.ts';
import type { BytePath } from '../byte-path.ts';
import { PIPELINE_MODEL } from '../engine/engine.ts';
import { canInstallMerges } from '../engine/install-merges.ts';
import { partsOf, typeOf } from '../json.ts';
import { byteLevelCuts } from './byte-level-cuts.ts';
import { ByteLevelModel, singleByteIds } from './byte-level-model.ts';
import { findSplitFamily } from './find-split-family.ts';

/** The byte path of tokenizers with a known pattern and ByteLevel; undefined for others. */
export function createByteLevelPath(parts: TokenizerParts): BytePath | undefined {
  const normalizers = partsOf(parts.normalizerJson, 'normalizers');
  const isNfc = normalizers.length === 1 && typeOf(normalizers[0]) === 'NFC';
  const split = findSplitFamily(parts.preTokenizerJson);
  if (split === undefined || (normalizers.length > 0 && !isNfc)) return undefined;
  const { model } = parts;
  const byteIds = singleByteIds(model.vocabulary);
  // A byte without a token loses its character or becomes the unknown token: its chunk is left to the pipeline, which would
  // put a space before it.
  const isPlain =
    model instanceof Bpe &&
    canInstallMerges(model) &&
    model.prefix === '' &&
    model.suffix === '' &&
    !(split.addsPrefixSpace && byteIds.includes(-1));
  // The pipeline would put a space before chunks that are not first.
  if (!isPlain && split.addsPrefixSpace) return undefined;
  return {
    rule: byteLevelCuts(split.family, split.addsPrefixSpace, isNfc),
    model: isPlain ? new ByteLevelModel(model, byteIds, split, isNfc) : PIPELINE_MODEL,
  };
}
