import { VocabularyError } from './error.ts';
import { FieldReader } from './field-reader.ts';
import { MAX_VOCAB_SIZE } from './limits.ts';
import { TokenIdMap } from './token-id-map.ts';

/** Name of the manifest's file in a reduced folder and in each of its checkpoints. */
export const TOKEN_ID_MAP_FILE_NAME = 'pemmican-token-id-map.json';

/** A tensor whose rows were selected. */
export interface ReducedTensor {
  readonly name: string;
  readonly fullShape: readonly number[];
  readonly reducedShape: readonly number[];
}

/** What travels with every reduced checkpoint, so that it can only be resumed and restored as what it is. */
export interface TokenIdMapManifest {
  readonly formatVersion: 1;
  readonly pemmicanVersion: string;
  readonly fullVocabSize: number;
  readonly reducedVocabSize: number;
  /** Ascending full token ids; row i of the reduced matrix is row `keptTokenIds[i]` of the full one. */
  readonly keptTokenIds: readonly number[];
  /** `sha256:<hex>`, see {@link TokenIdMap.digest}. */
  readonly keptTokenIdsDigest: string;
  /** Tells the source checkpoint from others. */
  readonly sourceFingerprint: string;
  /** SHA-256 of the tokenizer file. */
  readonly tokenizerDigest: string;
  readonly reducedTensors: readonly ReducedTensor[];
  readonly tiedEmbeddings: boolean;
  /** Full id of `config.pad_token_id`. */
  readonly padTokenId: number | null;
  /** Full id of the unknown token. */
  readonly unkTokenId: number | null;
}

/**
 * Checks parsed JSON.
 * @throws VocabularyError INVALID_MANIFEST that names the file and the field
 */
export function parseManifest(json: unknown, fileName: string): TokenIdMapManifest {
  const reader = new FieldReader(json, fileName, 'INVALID_MANIFEST');
  if (reader.get('formatVersion') !== 1) reader.fail('formatVersion', '1');
  const fullVocabSize = reader.count('fullVocabSize', 1, MAX_VOCAB_SIZE);
  const keptTokenIds = reader.ascending('keptTokenIds', fullVocabSize - 1);
  const reducedVocabSize = reader.count('reducedVocabSize', 1);
  if (keptTokenIds.length !== reducedVocabSize)
    reader.fail('reducedVocabSize', `${keptTokenIds.length}, the number of keptTokenIds`);
  return {
    formatVersion: 1,
    pemmicanVersion: reader.text('pemmicanVersion'),
    fullVocabSize,
    reducedVocabSize,
    keptTokenIds,
    keptTokenIdsDigest: reader.digest('keptTokenIdsDigest'),
    sourceFingerprint: reader.text('sourceFingerprint'),
    tokenizerDigest: reader.text('tokenizerDigest'),
    reducedTensors: reader.list('reducedTensors').map((entry, index) => {
      const tensor = new FieldReader(entry, `${fileName}: reducedTensors[${index}]`, 'INVALID_MANIFEST');
      return {
        name: tensor.text('name'),
        fullShape: tensor.counts('fullShape'),
        reducedShape: tensor.counts('reducedShape'),
      };
    }),
    tiedEmbeddings: reader.flag('tiedEmbeddings'),
    padTokenId: reader.countOrNull('padTokenId', fullVocabSize - 1),
    unkTokenId: reader.countOrNull('unkTokenId', fullVocabSize - 1),
  };
}

/**
 * The map of a manifest, once its digest is checked.
 * @throws VocabularyError INVALID_MANIFEST, INVALID_TOKEN_IDS
 */
export async function tokenIdMapOf(manifest: TokenIdMapManifest, fileName: string): Promise<TokenIdMap> {
  const map = TokenIdMap.create(manifest.fullVocabSize, Uint32Array.from(manifest.keptTokenIds));
  const digest = await map.digest();
  if (digest !== manifest.keptTokenIdsDigest)
    throw new VocabularyError(
      'INVALID_MANIFEST',
      `${fileName}: digest of keptTokenIds is ${digest}, keptTokenIdsDigest says ${manifest.keptTokenIdsDigest}`,
    );
  return map;
}
