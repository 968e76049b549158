import v8 from 'node:v8';
import vm from 'node:vm';
import koffi from 'koffi';

/** glibc's malloc_trim(3); undefined where the C library has none (musl). */
function findTrim(): ((padBytes: number) => number) | undefined {
  try {
    return koffi.load('libc.so.6').func('int malloc_trim(size_t pad)') as (padBytes: number) => number;
  } catch {
    return undefined;
  }
}

let tools: { readonly collect: () => void; readonly trim: ((padBytes: number) => number) | undefined } | undefined;

/**
 * Gives memory that nothing uses back to the system: the engine optimizes a graph for each new set of fetches, and what that
 * took stays with the process, as do buffers of weights that JavaScript has not collected yet. A few hundredths of a second;
 * meant for after weights were loaded and after a first step.
 */
export function releaseMemory(): void {
  if (tools === undefined) {
    // Node has it behind a flag, which counts for contexts that are made after it.
    v8.setFlagsFromString('--expose-gc');
    tools = { collect: vm.runInNewContext('gc') as () => void, trim: findTrim() };
  }
  // The first collection frees buffers on another thread, and the second waits for that to be done.
  tools.collect();
  tools.collect();
  tools.trim?.(0);
}
