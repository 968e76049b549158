import { describeTokenWithoutRow } from '@pemmican/vocabulary';
import { PreconditionError } from '../precondition-error.ts';
import type { PreparedModel } from './prepared-model.ts';

/** Turns token ids of the tokenizer into rows of the embedding matrix at hand, so that no other ever reaches a kernel. */
export class ModelTokenIds {
  readonly #prepared: Pick<PreparedModel, 'tokenizer' | 'reduction' | 'vocabRows'>;
  readonly #unkeptTokensToUnk: boolean;
  #unkCount = 0;

  /** @param unkeptTokensToUnk whether ids that a reduced model has no row for become the unknown token */
  constructor(prepared: Pick<PreparedModel, 'tokenizer' | 'reduction' | 'vocabRows'>, unkeptTokensToUnk: boolean) {
    this.#prepared = prepared;
    this.#unkeptTokensToUnk = unkeptTokensToUnk;
  }

  /** Ids that became the unknown token so far. */
  get mappedToUnkCount(): number {
    return this.#unkCount;
  }

  /**
   * @param place what error messages call the place of the ids: file and row
   * @throws PreconditionError TOKENIZER_TOO_LARGE for an id that the full matrix has no row for; TOKEN_NOT_KEPT
   */
  toRows(fullTokenIds: Uint32Array, place: string): Uint32Array {
    const { tokenizer, reduction, vocabRows } = this.#prepared;
    const fullRows = reduction?.map.fullVocabSize ?? vocabRows;
    if (reduction === undefined || !this.#unkeptTokensToUnk) {
      const excess = fullTokenIds.find((id) => id >= fullRows);
      if (excess !== undefined)
        throw new PreconditionError(
          'TOKENIZER_TOO_LARGE',
          `${place}: ${describeTokenWithoutRow(tokenizer, excess, fullRows)}`,
        );
    }
    if (reduction === undefined) return fullTokenIds;
    if (!this.#unkeptTokensToUnk) {
      const unkept = fullTokenIds.find((id) => reduction.map.toReducedId(id) < 0);
      if (unkept !== undefined)
        throw new PreconditionError(
          'TOKEN_NOT_KEPT',
          `${place}: token id ${unkept} (${JSON.stringify(tokenizer.idToToken(unkept))}) has no row in the reduced model; analyze this file too before reducing, or map such ids to the unknown token`,
        );
      return reduction.map.mapToReduced(fullTokenIds, 'error');
    }
    for (const id of fullTokenIds) if (reduction.map.toReducedId(id) < 0) this.#unkCount++;
    return reduction.map.mapToReduced(fullTokenIds, 'unk', tokenizer.unkTokenId);
  }
}

/** Id that fills up batches: the tokenizer's padding token where it has a row, else row 0 (it is masked either way). */
export function paddingTokenId({ tokenizer, reduction, vocabRows }: PreparedModel): number {
  const full = tokenizer.padTokenId ?? 0;
  if (reduction === undefined) return full < vocabRows ? full : 0;
  return Math.max(0, reduction.map.toReducedId(full));
}
