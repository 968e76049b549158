/**
 * One profile in a process of its own: `profile-child.ts PLAN`. Either the time of bare loops over the corpus and of counting
 * it cold and warm, or the functions in which a cold pass spends its time.
 * @module
 */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { Tokenizer } from '@pemmican/tokenizer';
import { blocksOf, loadCorpus } from './corpus.ts';
import { cutTableOf } from './cut-table.ts';
import { summarizeProfile } from './function-shares.ts';
import { createBlocksPass } from './ours-blocks.ts';
import type { ProfilePlan, ProfileReport, Stage } from './profile.ts';

const plan = JSON.parse(process.argv[2] ?? '') as ProfilePlan;
const { bytes, textOffsets } = loadCorpus(plan.corpusFile);
const blocks = blocksOf(bytes, textOffsets, plan.blockBytes);
const pass = createBlocksPass(
  { ...plan, program: '', referencePrefix: '', threadCount: 1, batchRecords: 0, secondPassLimitMs: 0 },
  bytes.length,
);
const run = (): unknown => pass(blocks.entries());

const LOOP_REPEATS = 5;
let sink = 0;

/**
 * Megabytes a second of this thread's time: the least of some repeats, which is what the loop itself takes.
 * @param times how often a repeat runs the loop: the thread's clock is coarse
 */
function rateOf(repeats: number, loop: () => unknown, times = 1): number {
  let least = Infinity;
  for (let repeat = 0; repeat < repeats; repeat++) {
    const begin = process.threadCpuUsage();
    for (let time = 0; time < times; time++) loop();
    const { user, system } = process.threadCpuUsage(begin);
    least = Math.min(least, (user + system) / times);
  }
  return bytes.length / least;
}

function sumBytes(): void {
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) sum += bytes[at] ?? 0;
  sink += sum;
}

function testCuts(table: Uint8Array): void {
  let [count, previous] = [0, 0];
  for (let at = 0; at < bytes.length; at++) {
    const current = bytes[at] ?? 0;
    if (table[(previous << 8) | current] !== 0) count++;
    previous = current;
  }
  sink += count;
}

function hashChunks(table: Uint8Array): void {
  let [sum, previous, hash] = [0, 0, 0];
  for (let at = 0; at < bytes.length; at++) {
    const current = bytes[at] ?? 0;
    if (table[(previous << 8) | current] !== 0) {
      sum ^= hash;
      hash = 0;
    }
    hash = Math.imul(hash ^ current, 0x01000193);
    previous = current;
  }
  sink += sum;
}

/** Chunks between cuts of the table, and how many different ones; cuts that also ask for the character before count as none. */
function chunkNumbers(table: Uint8Array): { chunkCount: number; distinctChunkCount: number } {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const distinct = new Set<string>();
  let chunkCount = 0;
  for (let record = 0; record + 1 < textOffsets.length; record++) {
    const end = textOffsets[record + 1] ?? 0;
    let start = textOffsets[record] ?? 0;
    for (let at = start + 1; at <= end; at++) {
      if (at < end && table[((bytes[at - 1] ?? 0) << 8) | (bytes[at] ?? 0)] !== 1) continue;
      distinct.add(text.slice(start, at));
      chunkCount++;
      start = at;
    }
  }
  return { chunkCount, distinctChunkCount: distinct.size };
}

function measureStages(): ProfileReport {
  // The cold pass has to be the first thing that the process does.
  const stages: Stage[] = [{ name: 'counting, cold', megabytesPerSecond: rateOf(1, run) }];
  const add = (name: string, megabytesPerSecond: number): void => void stages.unshift({ name, megabytesPerSecond });
  add('counting, warm', rateOf(3, run));
  const table = cutTableOf(Tokenizer.fromJson(readFileSync(plan.tokenizerFile), { fileName: plan.tokenizerFile }));
  add(
    'cut test and a hash of each byte',
    rateOf(LOOP_REPEATS, () => hashChunks(table)),
  );
  add(
    'cut test',
    rateOf(LOOP_REPEATS, () => testCuts(table)),
  );
  add(
    'check of UTF-8 (native)',
    rateOf(LOOP_REPEATS, () => isUtf8(bytes), 30),
  );
  add('bare byte scan (sum of all bytes)', rateOf(LOOP_REPEATS, sumBytes, 3));
  return { stages, ...chunkNumbers(table), recordCount: blocks.length, shares: undefined };
}

async function measureFunctions(): Promise<ProfileReport> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
  run();
  const { profile } = await session.post('Profiler.stop');
  return {
    stages: [],
    chunkCount: 0,
    distinctChunkCount: 0,
    recordCount: 0,
    shares: summarizeProfile(profile, new Map(plan.engineNames)),
  };
}

const report = plan.withFunctions ? await measureFunctions() : measureStages();
if (Number.isNaN(sink)) throw new Error('The loops were not run');
console.log(JSON.stringify(report));
