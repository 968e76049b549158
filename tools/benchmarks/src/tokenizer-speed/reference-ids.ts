import { readFileSync } from 'node:fs';

/** Ids of every record of a corpus by Hugging Face's tokenizers, which what others give is compared with. */
export class ReferenceIds {
  readonly ids: Uint32Array;
  /** `[recordCount + 1]` */
  readonly recordOffsets: Uint32Array;

  constructor(ids: Uint32Array, recordOffsets: Uint32Array) {
    this.ids = ids;
    this.recordOffsets = recordOffsets;
  }

  static read(prefix: string): ReferenceIds {
    const read = (extension: string): Uint32Array => {
      const { buffer, byteOffset, byteLength } = readFileSync(`${prefix}.${extension}`);
      return new Uint32Array(buffer.slice(byteOffset, byteOffset + byteLength));
    };
    return new ReferenceIds(read('ids'), read('offsets'));
  }

  /**
   * Records whose ids are others.
   * @param recordIndices which records of the corpus these are
   */
  differingRecords(ids: Uint32Array, recordOffsets: Uint32Array, recordIndices: Uint32Array): number {
    let differing = Math.abs(recordOffsets.length - 1 - recordIndices.length);
    for (let record = 0; record < recordIndices.length; record++) {
      const from = recordOffsets[record] ?? 0;
      const index = recordIndices[record] ?? 0;
      const expectedFrom = this.recordOffsets[index] ?? 0;
      const length = (recordOffsets[record + 1] ?? 0) - from;
      let isSame = length === (this.recordOffsets[index + 1] ?? 0) - expectedFrom;
      for (let at = 0; isSame && at < length; at++) isSame = ids[from + at] === this.ids[expectedFrom + at];
      if (!isSame) differing++;
    }
    return differing;
  }

  /** Records that have another number of tokens. */
  differingLengths(lengths: Uint32Array, recordIndices: Uint32Array): number {
    let differing = Math.abs(lengths.length - recordIndices.length);
    for (let record = 0; record < recordIndices.length; record++) {
      const index = recordIndices[record] ?? 0;
      const expected = (this.recordOffsets[index + 1] ?? 0) - (this.recordOffsets[index] ?? 0);
      if (lengths[record] !== expected) differing++;
    }
    return differing;
  }

  /** Ids that occur more or less often. */
  differingCounts(counts: ArrayLike<number>, recordIndices: Uint32Array): number {
    const expected = new Float64Array(counts.length);
    let differing = 0;
    for (const index of recordIndices)
      for (let at = this.recordOffsets[index] ?? 0; at < (this.recordOffsets[index + 1] ?? 0); at++) {
        const id = this.ids[at] ?? 0;
        if (id < expected.length) expected[id] = (expected[id] ?? 0) + 1;
        else differing++;
      }
    for (let id = 0; id < counts.length; id++) if (counts[id] !== expected[id]) differing++;
    return differing;
  }
}
