import { sha256 } from './digest.ts';
import { VocabularyError } from './error.ts';
import { MAX_VOCAB_SIZE } from './limits.ts';

/**
 * The bijection between kept full token ids and the rows of a reduced embedding matrix: row i of the reduced matrix is row
 * `keptTokenIds[i]` of the full one (arXiv 2309.08708, section 3).
 */
export class TokenIdMap {
  readonly fullVocabSize: number;
  /** Ascending full token ids. */
  readonly keptTokenIds: Uint32Array;
  // Reduced id + 1 by full id; 0 where the id is not kept.
  readonly #reducedIds: Uint32Array;

  private constructor(fullVocabSize: number, keptTokenIds: Uint32Array) {
    this.fullVocabSize = fullVocabSize;
    this.keptTokenIds = keptTokenIds;
    this.#reducedIds = new Uint32Array(fullVocabSize);
    keptTokenIds.forEach((fullTokenId, row) => {
      this.#reducedIds[fullTokenId] = row + 1;
    });
  }

  /**
   * @param fullVocabSize rows of the full embedding matrix
   * @throws VocabularyError INVALID_TOKEN_IDS when the ids are empty, not ascending or out of range
   */
  static create(fullVocabSize: number, keptTokenIds: Uint32Array): TokenIdMap {
    if (!Number.isSafeInteger(fullVocabSize) || fullVocabSize < 1 || fullVocabSize > MAX_VOCAB_SIZE)
      throw new VocabularyError(
        'INVALID_TOKEN_IDS',
        `The full vocabulary size ${fullVocabSize} is not an integer from 1 to ${MAX_VOCAB_SIZE}`,
      );
    if (keptTokenIds.length === 0) throw new VocabularyError('INVALID_TOKEN_IDS', 'No token id is kept');
    keptTokenIds.forEach((id, index) => {
      const previous = keptTokenIds[index - 1];
      if (previous !== undefined && id <= previous)
        throw new VocabularyError(
          'INVALID_TOKEN_IDS',
          `Kept token ids are not ascending: ${id} comes after ${previous}`,
        );
      if (id >= fullVocabSize)
        throw new VocabularyError(
          'INVALID_TOKEN_IDS',
          `Kept token id ${id} is out of range: the full matrix has ${fullVocabSize} rows`,
        );
    });
    return new TokenIdMap(fullVocabSize, keptTokenIds.slice());
  }

  get reducedVocabSize(): number {
    return this.keptTokenIds.length;
  }

  /** The reduced id of a full id, or -1 where it is not kept. */
  toReducedId(fullTokenId: number): number {
    return (this.#reducedIds[fullTokenId] ?? 0) - 1;
  }

  /**
   * The full id of a reduced id.
   * @throws RangeError
   */
  toFullId(reducedTokenId: number): number {
    const fullTokenId = this.keptTokenIds[reducedTokenId];
    if (fullTokenId === undefined)
      throw new RangeError(
        `Reduced token id ${reducedTokenId} is out of range: ${this.reducedVocabSize} rows are kept`,
      );
    return fullTokenId;
  }

  /**
   * Maps full ids to reduced ids, so that an id without a row never reaches a kernel.
   * @param policy `error` refuses ids that are not kept, `unk` maps them to `unkFullTokenId`
   * @throws VocabularyError TOKEN_NOT_KEPT
   */
  mapToReduced(fullTokenIds: Uint32Array, policy: 'error' | 'unk', unkFullTokenId?: number): Uint32Array {
    const unkReducedId = unkFullTokenId === undefined ? -1 : this.toReducedId(unkFullTokenId);
    if (policy === 'unk' && unkReducedId < 0)
      throw new VocabularyError('TOKEN_NOT_KEPT', `The unknown token ${String(unkFullTokenId)} has no row itself`);
    return fullTokenIds.map((fullTokenId, position) => {
      const reducedTokenId = this.toReducedId(fullTokenId);
      if (reducedTokenId >= 0) return reducedTokenId;
      if (policy === 'unk') return unkReducedId;
      throw new VocabularyError(
        'TOKEN_NOT_KEPT',
        `Full token id ${fullTokenId} at position ${position} has no row in the reduced matrix of ${this.reducedVocabSize} rows`,
      );
    });
  }

  /** SHA-256 of the kept ids as little-endian 32-bit integers: `sha256:<hex>`. */
  digest(): Promise<string> {
    const bytes = new DataView(new ArrayBuffer(this.keptTokenIds.length * 4));
    this.keptTokenIds.forEach((id, index) => {
      bytes.setUint32(index * 4, id, true);
    });
    return sha256(new Uint8Array(bytes.buffer));
  }
}
