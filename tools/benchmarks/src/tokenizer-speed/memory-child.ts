/**
 * Counts a prefix of a corpus, streamed from its file, and says how much memory that took: `memory-child.ts PLAN`.
 * @module
 */
import { isUtf8 } from 'node:buffer';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { adviseHugePages } from '@pemmican/device-memory';
import { FastCounter, Tokenizer } from '@pemmican/tokenizer';
import type { MemoryPlan, MemoryReport } from './memory.ts';
import { peakResidentBytes, startClock } from './process-measures.ts';

const LINE_FEED = 10;
const READ_BYTES = 1 << 20;

/** Lines of a prefix of a file, a block at a time; the arrays are used again. */
function* readBlocks(file: string, limitBytes: number): Generator<{ bytes: Uint8Array; textOffsets: Uint32Array }> {
  const source = Buffer.alloc(READ_BYTES * 2);
  const packed = new Uint8Array(READ_BYTES * 2);
  const descriptor = openSync(file, 'r');
  try {
    for (let total = 0, kept = 0; total < limitBytes;) {
      const read = readSync(descriptor, source, kept, Math.min(READ_BYTES, limitBytes - total), null);
      if (read === 0) return;
      total += read;
      const end = source.lastIndexOf(LINE_FEED, kept + read - 1) + 1;
      if (end === 0) throw new RangeError(`A line of ${file} has over ${READ_BYTES} bytes`);
      const offsets: number[] = [0];
      let size = 0;
      for (let at = 0; at < end;) {
        const next = source.indexOf(LINE_FEED, at);
        packed.set(source.subarray(at, next), size);
        size += next - at;
        offsets.push(size);
        at = next + 1;
      }
      yield { bytes: packed.subarray(0, size), textOffsets: Uint32Array.from(offsets) };
      source.copy(source, 0, end, kept + read);
      kept += read - end;
    }
  } finally {
    closeSync(descriptor);
  }
}

const plan = JSON.parse(process.argv[2] ?? '') as MemoryPlan;
const tokenizer = Tokenizer.fromJson(readFileSync(plan.tokenizerFile), { fileName: plan.tokenizerFile });
const counter = new FastCounter(tokenizer, {
  addSpecialTokens: false,
  isUtf8,
  adviseMemory: adviseHugePages,
  ...(plan.memoBytes === undefined ? {} : { memoBytes: plan.memoBytes }),
});
const loadedBytes = peakResidentBytes();
const stop = startClock();
let [sizeBytes, tokenCount] = [0, 0];
for (const block of readBlocks(plan.corpusFile, plan.prefixBytes)) {
  sizeBytes += block.bytes.length;
  tokenCount += counter.add(block).tokenCount;
}
const { wallMs, cpuMs } = stop();
const report: MemoryReport = {
  loadedBytes,
  peakBytes: peakResidentBytes(),
  memoBytes: counter.memoBytes,
  sizeBytes,
  tokenCount,
  distinctTokenCount: counter.distinctTokenCount,
  wallMs,
  cpuMs,
};
console.log(JSON.stringify(report));
