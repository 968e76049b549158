import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { releaseMemory } from './mod.ts';

function anonymousBytes(): number {
  const kib = /RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kib) * 1024;
}

/** Fills buffers of all sizes up to a megabyte, which malloc keeps for later when they are freed. */
function litter(totalBytes: number): void {
  const kept: Buffer[] = [];
  for (let filled = 0, sizeBytes = 20_000; filled < totalBytes; filled += sizeBytes) {
    sizeBytes = 20_000 + ((sizeBytes * 7) % 900_000);
    kept.push(Buffer.alloc(sizeBytes, 1));
  }
  assert.ok(kept.length > 100);
}

test('releaseMemory gives back what nothing uses any more', () => {
  releaseMemory();
  const before = anonymousBytes();
  litter(200_000_000);
  const littered = anonymousBytes() - before;
  assert.ok(littered > 150_000_000, `${littered} bytes were taken`);
  releaseMemory();
  const left = anonymousBytes() - before;
  // What JavaScript's own heap grew by is not given back at once.
  assert.ok(left < 40_000_000, `${left} of ${littered} bytes are still held`);
});
