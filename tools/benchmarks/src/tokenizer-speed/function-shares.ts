import type { Profiler } from 'node:inspector';

/** Shares of a pass, from samples of its stack. */
export interface FunctionShares {
  /** Of chunks that were not remembered: the model, and putting what it gives into the memo. */
  readonly model: number;
  /** In the rest of the library: cutting, looking up, adding up. */
  readonly scan: number;
  readonly garbageCollection: number;
  /** In the engine itself, such as compiling and native functions. */
  readonly engine: number;
  readonly rest: number;
  /** Time of each function itself, largest first. */
  readonly functions: readonly { readonly name: string; readonly share: number }[];
}

const MIN_FUNCTION_SHARE = 0.01;
// What turns a chunk into ids that is not in the memo: the engine's own function, and where it asks the exact pipeline.
const MODEL_FUNCTIONS = ['scan/miss', 'tokenizeChunk'];
const WASM_FUNCTION = /^wasm-function\[(\d+)\]$/;

/**
 * What takes how much of the sampled time.
 * @param engineNames names of WebAssembly functions by index
 */
export function summarizeProfile(profile: Profiler.Profile, engineNames: ReadonlyMap<number, string>): FunctionShares {
  const selfMicroseconds = new Map<number, number>();
  for (const [index, node] of (profile.samples ?? []).entries())
    selfMicroseconds.set(node, (selfMicroseconds.get(node) ?? 0) + Math.max(0, profile.timeDeltas?.[index] ?? 0));
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const sums = { model: 0, scan: 0, garbageCollection: 0, engine: 0, rest: 0 };
  const functions = new Map<string, number>();
  let total = 0;
  const visit = (id: number, isInModel: boolean): void => {
    const node = nodes.get(id);
    if (node === undefined) return;
    const { url } = node.callFrame;
    const isEngine = url.startsWith('wasm:');
    const isLibrary = isEngine || url.includes('/libs/tokenizer/');
    const index = WASM_FUNCTION.exec(node.callFrame.functionName)?.[1];
    const functionName = engineNames.get(Number(index)) ?? node.callFrame.functionName;
    const inModel = isInModel || (isLibrary && MODEL_FUNCTIONS.includes(functionName));
    const self = selfMicroseconds.get(id) ?? 0;
    // Starting and stopping the profiler is no part of the pass.
    if (functionName !== '(idle)' && url !== 'node:inspector') {
      total += self;
      const file = isEngine ? 'engine' : url.split('/').at(-1);
      const name = url === '' ? functionName : `${functionName || '(anonymous)'} (${file})`;
      functions.set(name, (functions.get(name) ?? 0) + self);
      const kind: keyof typeof sums =
        functionName === '(garbage collector)'
          ? 'garbageCollection'
          : inModel
            ? 'model'
            : isLibrary
              ? 'scan'
              : url === '' || url.startsWith('node:')
                ? 'engine'
                : 'rest';
      sums[kind] += self;
    }
    for (const child of node.children ?? []) visit(child, inModel);
  };
  visit(profile.nodes[0]?.id ?? 0, false);
  const share = (microseconds: number): number => microseconds / total;
  return {
    model: share(sums.model),
    scan: share(sums.scan),
    garbageCollection: share(sums.garbageCollection),
    engine: share(sums.engine),
    rest: share(sums.rest),
    functions: [...functions]
      .map(([name, self]) => ({ name, share: share(self) }))
      .filter((each) => each.share >= MIN_FUNCTION_SHARE)
      .sort((a, b) => b.share - a.share),
  };
}
