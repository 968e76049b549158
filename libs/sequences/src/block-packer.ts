import { predictsSomething, type TokenSequence } from './token-sequence.ts';

/**
 * Cuts the tokens of all sequences, one after another, into blocks of one length, as transformers' run_clm.py (`group_texts`)
 * does: what is left at the end of a split is dropped, and a block's tokens attend to all before them in the block, those of
 * other sequences too. (run_clm.py drops what is left of each thousand records, which its `map` hands to it at a time; here
 * one rest is dropped a split.)
 */
export class BlockPacker {
  readonly #blockSize: number;
  #ids: Uint32Array;
  #typeIds: Uint8Array;
  #labels: Int32Array;
  #length = 0;
  #isMasked = false;
  /** Blocks that predicted nothing, which are dropped. */
  unlabelledBlockCount = 0;

  /** @param blockSize tokens of a block, 2 and more */
  constructor(blockSize: number) {
    this.#blockSize = blockSize;
    this.#ids = new Uint32Array(blockSize);
    this.#typeIds = new Uint8Array(blockSize);
    this.#labels = new Int32Array(blockSize);
  }

  /** Tokens that no block is made of yet; at the end of a split those that are dropped. */
  get restTokenCount(): number {
    return this.#length;
  }

  /** The blocks that became whole by this sequence. */
  *add(sequence: TokenSequence): Generator<TokenSequence, void, undefined> {
    const { ids, typeIds, labels } = sequence;
    this.#isMasked ||= labels !== undefined;
    for (let from = 0; from < ids.length;) {
      const end = Math.min(ids.length, from + this.#blockSize - this.#length);
      this.#ids.set(ids.subarray(from, end), this.#length);
      this.#typeIds.set(typeIds.subarray(from, end), this.#length);
      this.#labels.set((labels ?? ids).subarray(from, end), this.#length);
      this.#length += end - from;
      from = end;
      if (this.#length === this.#blockSize) {
        const block = this.#take();
        if (predictsSomething(block)) yield block;
        else this.unlabelledBlockCount++;
      }
    }
  }

  #take(): TokenSequence {
    this.#length = 0;
    return {
      ids: this.#ids.slice(),
      typeIds: this.#typeIds.slice(),
      labels: this.#isMasked ? this.#labels.slice() : undefined,
    };
  }
}
