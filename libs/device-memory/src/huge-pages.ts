import { createRequire } from 'node:module';
import type koffiModule from 'koffi';

// Of madvise(2) on Linux.
const MADV_HUGEPAGE = 14;
const PAGE_BYTES = 4096;

type Advise = (address: Uint8Array, lengthBytes: number, advice: number) => number;

let advise: Advise | undefined | null;

/**
 * Loaded with the first advice, so that threads that may be ended load no add-on before they say so.
 * @returns undefined where the C library has no such function, as outside of Linux
 */
function adviseFunction(): Advise | undefined {
  if (advise === undefined)
    try {
      const koffi = createRequire(import.meta.url)('koffi') as typeof koffiModule;
      advise = koffi.load('libc.so.6').func('madvise', 'int', ['void *', 'size_t', 'int']) as Advise;
    } catch {
      advise = null;
    }
  return advise ?? undefined;
}

/**
 * Asks the kernel for huge pages behind memory that is not used yet: where much of it is read at random, looking up pages of
 * 4 KB takes as long as reading. Advice only: where the kernel has none to give, or does not do so at all, nothing changes.
 * @param bytes begins at a page, as WebAssembly's memory does
 * @returns whether the kernel took the advice
 */
export function adviseHugePages(bytes: Uint8Array): boolean {
  return bytes.length >= PAGE_BYTES && adviseFunction()?.(bytes, bytes.length, MADV_HUGEPAGE) === 0;
}
