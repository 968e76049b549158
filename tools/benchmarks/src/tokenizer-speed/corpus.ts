import { readFileSync } from 'node:fs';

const LINE_FEED = 10;
// Records that stay together in a sample: enough that neighbours, which are alike, still come together.
const SAMPLE_RUN_RECORDS = 1024;

/** Records of a corpus without the line feeds between them. */
export interface Corpus {
  readonly bytes: Uint8Array;
  /** Where each record begins, and where the last one ends: `[recordCount + 1]`. */
  readonly textOffsets: Uint32Array;
  /** Which records of the file they are. */
  readonly recordIndices: Uint32Array;
}

/**
 * Reads a file of one record a line.
 * @param sampleBytes about how many bytes of records, evenly spread over the file; all where not given
 */
export function loadCorpus(file: string, sampleBytes = Infinity): Corpus {
  const source = readFileSync(file);
  const starts: number[] = [];
  for (let at = 0; at < source.length;) {
    starts.push(at);
    const end = source.indexOf(LINE_FEED, at);
    at = end < 0 ? source.length : end + 1;
  }
  const share = Math.min(1, sampleBytes / source.length);
  const bytes = new Uint8Array(source.length);
  const offsets: number[] = [0];
  const indices: number[] = [];
  let size = 0;
  for (const [record, start] of starts.entries()) {
    if (!isSampled(record, share)) continue;
    let end = starts[record + 1] ?? source.length;
    if (source[end - 1] === LINE_FEED) end--;
    bytes.set(source.subarray(start, end), size);
    size += end - start;
    offsets.push(size);
    indices.push(record);
  }
  return {
    bytes: bytes.subarray(0, size),
    textOffsets: Uint32Array.from(offsets),
    recordIndices: Uint32Array.from(indices),
  };
}

/** The same choice as in `corpus.py`. */
function isSampled(record: number, share: number): boolean {
  const run = Math.floor(record / SAMPLE_RUN_RECORDS);
  return Math.floor((run + 1) * share) > Math.floor(run * share);
}

export interface Block {
  readonly bytes: Uint8Array;
  readonly textOffsets: Uint32Array;
  readonly firstRecord: number;
}

/** Cuts records into blocks of about `blockBytes`. */
export function blocksOf(bytes: Uint8Array, textOffsets: Uint32Array, blockBytes: number): Block[] {
  const blocks: Block[] = [];
  for (let first = 0; first < textOffsets.length - 1;) {
    const start = textOffsets[first] ?? 0;
    let last = first + 1;
    while (last < textOffsets.length - 1 && (textOffsets[last] ?? 0) - start < blockBytes) last++;
    blocks.push({
      bytes: bytes.subarray(start, textOffsets[last]),
      textOffsets: textOffsets.subarray(first, last + 1).map((offset) => offset - start),
      firstRecord: first,
    });
    first = last;
  }
  return blocks;
}
