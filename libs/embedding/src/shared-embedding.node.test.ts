// T5's one matrix by four names, through reduction and restoration, against transformers.
import assert from 'node:assert/strict';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { after, before, test } from 'node:test';

import { createFolder, openFolder } from '@pemmican/storage';
import { oraclePython } from '@pemmican/testkit';
import { TOKEN_ID_MAP_FILE_NAME, TokenIdMap } from '@pemmican/vocabulary';

import { reduceCheckpoint, restoreCheckpoint, verifyRestored } from './mod.ts';

const VOCAB_SIZE = 40;
const KEPT_TOKEN_IDS = [0, 1, 2, 5, 8, 13, 21, 34, 38];
const NAMES = ['shared', 'encoder.embed_tokens', 'decoder.embed_tokens', 'lm_head'].map((name) => `${name}.weight`);
// Sums of 16 and 24 numbers of size 1, in float32, over matrices of other widths.
const TOLERANCE = 1e-6;
const TIMEOUT = { timeout: 300_000 };

interface Theirs {
  readonly problems: readonly string[];
  readonly isTied: boolean;
  /** Largest, of logits of kept tokens. */
  readonly difference: number;
  readonly vocabSize: number;
  readonly [field: string]: unknown;
}

let root = '';
let python: ChildProcessByStdio<Writable, Readable, null>;
let answers: AsyncIterator<string, undefined>;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'pemmican-shared-'));
  const argv = [join(import.meta.dirname, '../test/shared_t5.py'), JSON.stringify(KEPT_TOKEN_IDS)];
  python = spawn(oraclePython(), argv, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error', HF_HUB_DISABLE_PROGRESS_BARS: '1' },
  });
  answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
});
after(async () => {
  python.stdin.end();
  await rm(root, { recursive: true });
});

async function ask(verb: string, ...folders: string[]): Promise<Theirs> {
  python.stdin.write(`${JSON.stringify([verb, ...folders])}\n`);
  const { value, done } = await answers.next();
  assert.notEqual(done, true, `shared_t5.py ended at ${verb}`);
  return JSON.parse(value ?? '') as Theirs;
}

test(
  'a T5 of four names is reduced to one that transformers opens, trains and finds restored by every name',
  TIMEOUT,
  async () => {
    const [source, reduced, trained, restored] = ['source', 'reduced', 'trained', 'restored'].map((name) =>
      join(root, name),
    ) as [string, string, string, string];
    await ask('make', source);
    const { manifest, fullBytes, reducedBytes } = await reduceCheckpoint({
      source: await openFolder(source),
      destination: await createFolder(reduced),
      tokenIdMap: TokenIdMap.create(VOCAB_SIZE, Uint32Array.from(KEPT_TOKEN_IDS)),
      pemmicanVersion: 'test',
      restrictsOutput: true,
    });
    assert.deepEqual(manifest.reducedTensors.map(({ name }) => name).toSorted(), NAMES.toSorted());
    assert.equal(manifest.tiedEmbeddings, true);
    assert.equal(fullBytes - reducedBytes, 4 * (VOCAB_SIZE - KEPT_TOKEN_IDS.length) * 16 * 4);

    const { difference, ...afterReduction } = await ask('train', source, reduced, trained);
    assert.deepEqual(afterReduction, {
      problems: [],
      isTied: true,
      vocabSize: KEPT_TOKEN_IDS.length,
      // transformers writes the matrix once.
      savedNames: ['shared.weight'],
    });
    assert.ok(difference < TOLERANCE, `logits of the reduced model differ by ${difference}`);

    await copyFile(join(reduced, TOKEN_ID_MAP_FILE_NAME), join(trained, TOKEN_ID_MAP_FILE_NAME));
    const inputs = { source: await openFolder(source), trained: await openFolder(trained) };
    await restoreCheckpoint({ ...inputs, destination: await createFolder(restored) });
    assert.deepEqual((await verifyRestored({ ...inputs, restored: await openFolder(restored) })).problems, []);
    const { difference: restoredDifference, ...afterRestoration } = await ask('open', restored, source, trained);
    assert.deepEqual(afterRestoration, {
      problems: [],
      isTied: true,
      vocabSize: VOCAB_SIZE,
      hasSourceNames: true,
      rowsEqual: [true, true, true, true],
      rowsMoved: true,
      restEqual: true,
    });
    assert.ok(restoredDifference < TOLERANCE, `logits of the restored model differ by ${restoredDifference}`);
  },
);
