import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { openFolder } from '@pemmican/storage';
import { profileOf, type VocabularyProfile } from '@pemmican/vocabulary';
import { CountingThreads } from '../src/worker/counting-threads.ts';
import type { CountingThreadSetup } from '../src/worker/counting-thread.ts';
import { closeFiles, openFiles } from '../src/worker/dataset-files.ts';
import { FileCounter } from '../src/worker/file-counter.ts';
import type { AnalysisRequest, RequestedFile } from '../src/worker/messages.ts';
import { NativeCalls } from '../src/worker/native-calls.ts';
import type { Portion } from '../src/worker/portion-counter.ts';
import { parseTokenizer, readTokenizerFile, type TokenizerFile } from '../src/worker/tokenizer-file.ts';
import { temporaryFolder } from './harness.ts';

const WORDS = Array.from({ length: 400 }, (_, index) => `w${index}`);
const VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...WORDS];

async function tokenizerIn(folder: string): Promise<TokenizerFile> {
  writeFileSync(path.join(folder, 'vocab.txt'), VOCABULARY.join('\n'));
  return readTokenizerFile(await openFolder(folder));
}

let state = 3;
function random(limit: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}

/** Text of up to 23 words, of which low numbers are frequent, and some that the vocabulary does not have. */
function makeText(): string {
  return Array.from({ length: random(24) }, () => WORDS[random(1 + random(400))] ?? 'other').join(' ');
}

/** Some megabytes of records in each format: several portions of each, with rows that are left out. */
function writeFiles(folder: string, extensions: readonly string[]): RequestedFile[] {
  const splits = ['train', 'validation', 'test'] as const;
  return extensions.map((extension, index) => {
    const rows = Array.from({ length: 30_000 }, (_, row) => ({
      text: makeText(),
      pair: makeText(),
      label: row % 10 === 0 ? '' : String(row),
    }));
    const content = {
      jsonl: () => rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
      json: () => JSON.stringify(rows),
      csv: () => `text,pair,label\n${rows.map(({ text, pair, label }) => `"${text}",${pair},${label}\n`).join('')}`,
      txt: () => rows.map(({ text }) => `${text}\n`).join(''),
    }[extension as 'jsonl']();
    const file = path.join(folder, `${splits[index]}.${extension}`);
    writeFileSync(file, content);
    const options = { skipInvalid: true, textColumn: 'text', textPairColumn: 'pair' };
    return { split: splits[index] ?? 'train', path: file, options };
  });
}

const request = (files: readonly RequestedFile[]): AnalysisRequest => ({
  modelUri: '',
  files,
  recordKind: 'text',
  labelColumn: 'label',
  isLabelColumnRequired: false,
  maxSequenceLength: 17,
  keepTokenIds: [],
  replacementSeed: undefined,
  padToMultipleOf: 0,
  minCount: 0,
  maxRows: 0,
});

/** Threads that are started before anything is counted, however little there is. */
const AT_ONCE = { isWorthIt: () => true };

async function analyze(
  tokenizerFile: TokenizerFile,
  files: readonly RequestedFile[],
  threadCount: number,
  maxSequenceLength = 17,
): Promise<{ profile: VocabularyProfile; distinctTokenCount: number; reports: number[] }> {
  const tokenizer = parseTokenizer(tokenizerFile);
  const reports: number[] = [];
  const counter = new FileCounter(tokenizer, {
    tokenizerFile,
    threadCount,
    threadStart: threadCount > 1 ? AT_ONCE : { isWorthIt: () => false },
    maxSequenceLength,
    memoBytes: 1 << 20,
    seen: new SharedArrayBuffer(tokenizer.vocabSize),
    nativeCalls: new NativeCalls().shared,
    rowCount: tokenizer.vocabSize,
    onCounted: ({ recordCount }) => reports.push(recordCount),
  });
  const open = await openFiles(request(files));
  try {
    const sums = new Map();
    for (const file of open) sums.set(file.file.split, await counter.count(file, () => undefined));
    const profile = await profileOf(sums, {
      pemmicanVersion: '0.1.0',
      tokenizer,
      tokenizerDigest: 'sha256:00',
      modelVocabSize: VOCABULARY.length,
      hiddenSize: 4,
      maxSequenceLength,
    });
    return { profile, distinctTokenCount: counter.seen.count, reports };
  } finally {
    await Promise.all([counter.close(), closeFiles(open)]);
  }
}

for (const formats of [
  ['jsonl', 'txt', 'csv'],
  ['json', 'jsonl'],
] as const)
  test(`FileCounter gives the same profile of ${formats.join(', ')} with one, two and four threads`, async (t) => {
    const folder = temporaryFolder(t);
    const tokenizerFile = await tokenizerIn(folder);
    const files = writeFiles(folder, formats);
    const alone = await analyze(tokenizerFile, files, 1);
    // Every tenth row has no label, but lines of text have none to lack.
    assert.deepEqual(
      alone.profile.splits.map(({ recordCount, skippedRecordCount }) => [recordCount, skippedRecordCount]),
      formats.map((format) => (format === 'txt' ? [30_000, 0] : [27_000, 3_000])),
    );
    assert.ok(alone.profile.splits.every(({ truncatedRecordCount }) => truncatedRecordCount > 0));
    for (const threadCount of [2, 4]) {
      const { profile, distinctTokenCount, reports } = await analyze(tokenizerFile, files, threadCount);
      assert.deepEqual(profile, alone.profile);
      assert.equal(distinctTokenCount, alone.distinctTokenCount);
      assert.deepEqual(
        reports,
        reports.toSorted((a, b) => a - b),
      );
      assert.equal(reports.at(-1), alone.reports.at(-1));
    }
  });

test('FileCounter tells the first row that is wrong with its number in the file, whichever thread met it', async (t) => {
  const folder = temporaryFolder(t);
  const tokenizerFile = await tokenizerIn(folder);
  const rows = Array.from({ length: 120_000 }, (_, row) => JSON.stringify({ text: `w${row % 400} and so on` }));
  const file = (name: string, content: readonly string[]): RequestedFile => {
    writeFileSync(path.join(folder, name), content.map((row) => `${row}\n`).join(''));
    return { split: 'train', path: path.join(folder, name), options: { textColumn: 'text' } };
  };
  const wrong = file('wrong.jsonl', rows.with(70_003, '{"text": 5}').with(70_004, '{').with(110_000, '[]'));
  const broken = file('broken.jsonl', rows.with(90_001, '{"text": "a'));
  const table = file('table.csv', ['text', ...rows.map((_, row) => `w${row}`)].with(80_000, 'a,b'));
  const array = file('array.json', ['[', ...rows.map((row) => `${row},`).with(60_000, '7,'), '{"text":""}]']);
  const bytesBefore = rows.slice(0, 90_001).reduce((sum, row) => sum + row.length + 1, 0);
  for (const threadCount of [1, 3]) {
    const failing = async (requested: RequestedFile, message: RegExp): Promise<void> => {
      await assert.rejects(analyze(tokenizerFile, [requested], threadCount), (error: Error) => {
        assert.equal(error.name, 'DatasetError');
        assert.match(error.message, message);
        return true;
      });
    };
    await failing(wrong, /wrong\.jsonl: row 70004: "text" is 5, expected a string$/);
    await failing(broken, new RegExp(`broken\\.jsonl: line 90002 at byte ${bytesBefore} is not valid JSON: `));
    await failing(table, /table\.csv: row 80000 has 2 fields, the header has 1: "text"$/);
    await failing(array, /array\.json: row 60001 is 7, expected an object$/);
  }
});

test('FileCounter tells the rows that could not be tokenized, with the error of the tokenizer', async (t) => {
  const folder = temporaryFolder(t);
  const tokenizerFile = await tokenizerIn(folder);
  const file = path.join(folder, 'train.txt');
  writeFileSync(file, 'w1\nw2\nw3\n');
  await assert.rejects(analyze(tokenizerFile, [{ split: 'train', path: file, options: {} }], 1, 1), {
    name: 'TokenizerError',
    code: 'INVALID_OPTION',
    message: `${file}, rows 1 to 3: maxLength 1 has no room for 2 special tokens`,
  });
});

test('FileCounter refuses files without records as one thread does', async (t) => {
  const folder = temporaryFolder(t);
  const tokenizerFile = await tokenizerIn(folder);
  const file = path.join(folder, 'none.jsonl');
  writeFileSync(file, '{"text":"a","label":1}\n');
  const files = [{ split: 'train', path: file, options: { skipInvalid: true, textColumn: 'text' } }] as const;
  const open = await openFiles(request(files));
  t.after(() => closeFiles(open));
  const tokenizer = parseTokenizer(tokenizerFile);
  const counter = new FileCounter(tokenizer, {
    tokenizerFile,
    threadCount: 2,
    threadStart: AT_ONCE,
    maxSequenceLength: 17,
    memoBytes: 1 << 20,
    seen: new SharedArrayBuffer(tokenizer.vocabSize),
    nativeCalls: new NativeCalls().shared,
    rowCount: tokenizer.vocabSize,
    onCounted: () => undefined,
  });
  t.after(() => counter.close());
  const [first] = open;
  await assert.rejects(
    counter.count({ ...first!, options: { ...first!.options, labelColumn: 'other' } }, () => undefined),
    { code: 'MISSING_COLUMN', message: `${file}: row 1 has no column "other"; it has "text", "label"` },
  );
});

const listener = { onCounted: () => undefined, onFailed: () => undefined };

function setupOf(tokenizerFile: TokenizerFile): CountingThreadSetup {
  return {
    tokenizerFile,
    maxSequenceLength: 9,
    memoBytes: 1 << 20,
    seen: new SharedArrayBuffer(VOCABULARY.length),
    nativeCalls: new NativeCalls().shared,
  };
}

/** A module that a thread runs in place of the counting one. */
function threadFile(folder: string, code: string): URL {
  const file = path.join(folder, 'thread.mjs');
  writeFileSync(file, `import { parentPort } from 'node:worker_threads';\n${code}\n`);
  return new URL(`file://${file}`);
}

async function readyThreads(t: TestContext, code: string): Promise<CountingThreads> {
  const folder = temporaryFolder(t);
  const threads = new CountingThreads(1, setupOf(await tokenizerIn(folder)), listener, threadFile(folder, code));
  t.after(() => threads.close());
  return threads;
}

// Each in memory of its own: what was handed over is gone.
const portion = (): Portion => ({ piece: { bytes: Uint8Array.of(0x77, 0x31, 0x0a), offsetBytes: 0 } });
const READY = "parentPort.postMessage({ type: 'ready' });";

async function offerUntilTaken(threads: CountingThreads): Promise<void> {
  while (!threads.offer(0, portion())) {
    threads.throwIfDead();
    await delay(5);
  }
}

test('CountingThreads throws when a thread dies, and does not wait for it for ever', async (t) => {
  const dying = await readyThreads(t, `${READY} parentPort.on('message', () => process.exit(7));`);
  await offerUntilTaken(dying);
  await assert.rejects(dying.settle(), /^Error: A counting thread ended with 7 in the middle of its work$/);
  assert.equal(dying.offer(1, portion()), false);
  assert.throws(() => {
    dying.throwIfDead();
  }, /ended with 7/);

  const throwing = await readyThreads(
    t,
    `${READY} parentPort.on('message', () => { throw new Error('out of luck'); });`,
  );
  await offerUntilTaken(throwing);
  await assert.rejects(throwing.settle(), /out of luck/);

  const silent = await readyThreads(
    t,
    `${READY} parentPort.on('message', ({ type, index }) => {
      if (type === 'take') process.exit(3);
      parentPort.postMessage({ type: 'counted', index, count: {} });
    });`,
  );
  await offerUntilTaken(silent);
  await silent.settle();
  await assert.rejects(silent.take(), /ended with 3/);

  const neverReady = await readyThreads(t, "throw new Error('no tokenizer');");
  await assert.rejects(offerUntilTaken(neverReady), /no tokenizer/);
});

test('CountingThreads takes two portions a thread at most, and takes nothing of threads that counted nothing', async (t) => {
  const threads = await readyThreads(t, `${READY} parentPort.on('message', () => undefined);`);
  await offerUntilTaken(threads);
  assert.equal(threads.offer(1, portion()), true);
  assert.equal(threads.offer(2, portion()), false);
  const idle = await readyThreads(t, `${READY} parentPort.on('message', () => undefined);`);
  await idle.settle();
  assert.deepEqual(await idle.take(), []);
});

test('a thread that is ended takes its counting threads with it', async (t) => {
  const folder = temporaryFolder(t);
  const tokenizerFile = await tokenizerIn(folder);
  const tasks = (): number => readdirSync('/proc/self/task').length;
  const before = tasks();
  const coordinator = threadFile(
    folder,
    `import { workerData } from 'node:worker_threads';
     import { CountingThreads } from ${JSON.stringify(new URL('../src/worker/counting-threads.ts', import.meta.url).href)};
     const listener = { onCounted() {}, onFailed() {} };
     const threads = new CountingThreads(3, workerData, listener);
     const portion = { piece: { bytes: new Uint8Array(3), offsetBytes: 0 } };
     while (!threads.offer(0, portion)) await new Promise((resolve) => setTimeout(resolve, 5));
     parentPort.postMessage('counting');`,
  );
  const setup = setupOf(tokenizerFile);
  const worker = new Worker(coordinator, { workerData: setup, execArgv: [] });
  await new Promise((resolve) => worker.once('message', resolve));
  assert.ok(tasks() >= before + 4, `${before} tasks before, ${tasks()} while counting`);
  await new NativeCalls(setup.nativeCalls).end();
  await worker.terminate();
  for (let round = 0; round < 200 && tasks() > before; round++) await delay(10);
  assert.ok(tasks() <= before, `${before} tasks before, ${tasks()} after`);
});
