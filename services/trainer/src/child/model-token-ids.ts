import { PreconditionError } from '../precondition-error.ts';
import type { PreparedModel } from './prepared-model.ts';

/** Turns token ids of the tokenizer into ids of the embedding matrix at hand. */
export class ModelTokenIds {
  readonly #prepared: PreparedModel;
  readonly #unkeptToUnk: boolean;
  /** Ids that had no row and became the unknown token. */
  mappedToUnkCount = 0;

  constructor(prepared: PreparedModel, unkeptToUnk: boolean) {
    this.#prepared = prepared;
    this.#unkeptToUnk = unkeptToUnk;
  }

  /**
   * @param place the file and the row, for error messages
   * @throws PreconditionError TOKEN_NOT_KEPT
   */
  map(ids: Uint32Array, place: { readonly fileName: string; readonly row: number }): Uint32Array {
    const { tokenizer, reduction } = this.#prepared;
    if (reduction === undefined) return ids;
    if (!this.#unkeptToUnk) {
      const unkept = ids.find((id) => reduction.map.toReducedId(id) < 0);
      if (unkept !== undefined) {
        throw new PreconditionError(
          'TOKEN_NOT_KEPT',
          `${place.fileName}, row ${place.row}: token id ${unkept} (${JSON.stringify(tokenizer.idToToken(unkept))}) has no row in the reduced model; analyze this file too before reducing, or map such ids to the unknown token`,
        );
      }
      return reduction.map.mapToReduced(ids, 'error');
    }
    for (const id of ids) if (reduction.map.toReducedId(id) < 0) this.mappedToUnkCount++;
    return reduction.map.mapToReduced(ids, 'unk', tokenizer.unkTokenId);
  }
}
