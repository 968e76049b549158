import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { adviseHugePages } from './huge-pages.ts';

const MEBIBYTE = 2 ** 20;
const PAGES_OF_MEBIBYTE = 16;

/** Neither Node's types nor ES' know it. */
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: { Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer } };
};

/** Bytes of this process for which the kernel was advised to use huge pages (proc(5): `hg` of a mapping's VmFlags). */
function advisedBytes(): number {
  const mappings = readFileSync('/proc/self/smaps', 'utf8').matchAll(/^Size:\s+(\d+) kB$[^]*?^VmFlags:(.*)$/gm);
  return [...mappings].reduce((sum, [, size, flags = '']) => sum + (/ hg\b/.test(flags) ? Number(size) * 1024 : 0), 0);
}

test('adviseHugePages advises the kernel of all of the memory', (context) => {
  if (!existsSync('/sys/kernel/mm/transparent_hugepage')) {
    context.skip('this kernel has no transparent huge pages');
    return;
  }
  const memory = new WebAssembly.Memory({ initial: 64 * PAGES_OF_MEBIBYTE });
  const before = advisedBytes();
  assert.equal(adviseHugePages(new Uint8Array(memory.buffer)), true);
  assert.ok(advisedBytes() - before >= 64 * MEBIBYTE, `${advisedBytes() - before} bytes`);
});

test('adviseHugePages leaves what is in memory, and refuses less than a page', () => {
  const memory = new WebAssembly.Memory({ initial: 4 * PAGES_OF_MEBIBYTE });
  const bytes = new Uint8Array(memory.buffer).fill(7);
  adviseHugePages(bytes);
  assert.ok(bytes.every((byte) => byte === 7));
  assert.equal(adviseHugePages(bytes.subarray(0, 100)), false);
});
