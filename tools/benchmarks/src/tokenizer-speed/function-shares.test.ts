import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarizeProfile } from './function-shares.ts';

const frame = (functionName: string, url: string) => ({
  functionName,
  url,
  scriptId: '0',
  lineNumber: 0,
  columnNumber: 0,
});
const LIBRARY = 'file:///somewhere/libs/tokenizer/src/fast/';

test('summarizeProfile gives the model all that it calls, and leaves out idle time and the profiler', () => {
  const shares = summarizeProfile(
    {
      nodes: [
        { id: 1, callFrame: frame('(root)', ''), children: [2, 3, 4, 5] },
        { id: 2, callFrame: frame('scan', `${LIBRARY}scanner.ts`), children: [6] },
        { id: 3, callFrame: frame('(garbage collector)', '') },
        { id: 4, callFrame: frame('(idle)', '') },
        { id: 5, callFrame: frame('post', 'node:inspector') },
        { id: 6, callFrame: frame('wasm-function[37]', 'wasm://wasm/12ab'), children: [7] },
        { id: 7, callFrame: frame('wasm-function[11]', 'wasm://wasm/12ab') },
      ],
      startTime: 0,
      endTime: 2000,
      samples: [2, 6, 7, 3, 4, 5],
      timeDeltas: [500, 100, 200, 200, 700, 300],
    },
    new Map([[37, 'scan/miss']]),
  );
  assert.deepEqual(
    { model: shares.model, scan: shares.scan, garbageCollection: shares.garbageCollection, engine: shares.engine },
    { model: 0.3, scan: 0.5, garbageCollection: 0.2, engine: 0 },
  );
  assert.deepEqual(
    shares.functions.map(({ name }) => name),
    ['scan (scanner.ts)', 'wasm-function[11] (engine)', '(garbage collector)', 'scan/miss (engine)'],
  );
});
