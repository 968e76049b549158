import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { FOLDER } from './environment.ts';
import { goalLines } from './goals.ts';
import type { MemoryRow } from './memory.ts';
import { memorySections } from './memory-table.ts';
import { REFERENCE_PACKAGES } from './peers.ts';
import type { ProfileRow } from './profile.ts';
import { profileSections } from './profile-tables.ts';
import type { SpeedResults } from './speed.ts';
import { speedSections } from './speed-tables.ts';

/** Results of a part, with what is to be known about the run that they are of. */
interface Kept<Results> {
  readonly results: Results;
  readonly run: string;
}

export const PARTS = ['speed', 'memory', 'profile'] as const;
export type Part = (typeof PARTS)[number];

interface PartResults {
  readonly speed: SpeedResults;
  readonly memory: readonly MemoryRow[];
  readonly profile: readonly ProfileRow[];
}

const fileOf = (part: Part): string => join(FOLDER, `${part}.json`);

/** Measures a part and keeps what it gave until it is measured again. */
export async function runPart<Name extends Part>(
  part: Name,
  command: string,
  measure: () => Promise<PartResults[Name]>,
): Promise<void> {
  const begin = performance.now();
  const loadBefore = loadavg()[0] ?? NaN;
  const results = await measure();
  const minutes = (performance.now() - begin) / 60_000;
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dirname, encoding: 'utf8' });
  const run =
    `\`${command}\`, ${new Date().toISOString().slice(0, 10)}, commit ${commit.trim()}: ${availableParallelism()} cores of ` +
    `${cpus()[0]?.model ?? 'an unknown processor'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}; ` +
    `${minutes.toFixed(1)} minutes, load ${loadBefore.toFixed(2)} when it began`;
  mkdirSync(FOLDER, { recursive: true });
  const kept: Kept<PartResults[Name]> = { results, run };
  writeFileSync(fileOf(part), JSON.stringify(kept));
}

function readPart<Name extends Part>(part: Name): Kept<PartResults[Name]> | undefined {
  const file = fileOf(part);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Kept<PartResults[Name]>) : undefined;
}

const HOW = [
  'How it is measured:',
  '',
  '- Each number is of a process of its own. Its tokenizer is loaded and its records are in memory, in the form that its fastest call takes (pemmican: blocks of UTF-8 with offsets; Python: lists of str, or of bytes where those are faster; Node: strings), then the clock starts. The first pass is cold, the second, warm, goes over the same records again; a program that takes longer than 2.5 s for the first makes no second.',
  '- Programs take turns in rounds, in another order each round. MB are 10^6 bytes of UTF-8 without line feeds; CPU seconds are user and system time of all threads. Medians, and (least-most) of several rounds. Slow programs are given a sample of the records, spread over the corpus in runs of 1,024.',
  '- No special tokens, no truncation, no padding. pemmican checks that its bytes are UTF-8 and, when encoding, gathers all ids in one array, both on the clock. As in the services its memory is on huge pages where the kernel has some. Its counting is `FastCounter`; counting with any other library is encoding, an array of the ids and their histogram (`numpy.bincount`). Encoding with tokenizers is `encode_batch_fast` alone, without reading its ids.',
  '- Batches of the others have 4,096 records. tokie, fastokens, kitoken, bpe-openai and tiktoken start threads as they like, so that with 1 thread they are bound to one core. All peers first encode one letter off the clock, for what they load late; pemmican does not.',
  '- Differences: when encoding, records of which any id is another than that of the reference; when counting, ids that occur more or less often, and records with another number of tokens; every pass of every round is compared, and the most of any is told.',
];

/** Writes the report out of the last results of each part. */
export function writeReport(output: string | undefined): void {
  const [speed, memory, profile] = [readPart('speed'), readPart('memory'), readPart('profile')];
  const lines = ['# Counting and encoding token ids: pemmican beside other tokenizers', ''];
  for (const [title, kept] of [
    ['Speed', speed],
    ['Memory', memory],
    ['Profile', profile],
  ] as const)
    if (kept !== undefined) lines.push(`- ${title}: ${kept.run}.`);
  lines.push(`- Reference: Hugging Face's ${REFERENCE_PACKAGES.join(', ').replaceAll('==', ' ')}.`, '', ...HOW, '');
  if (speed !== undefined)
    lines.push('## Goals', '', ...goalLines(speed.results.measurements), '', ...speedSections(speed.results));
  if (memory !== undefined) lines.push(...memorySections(memory.results));
  if (profile !== undefined) lines.push(...profileSections(profile.results));
  const text = `${lines.join('\n').trimEnd()}\n`;
  console.log(text);
  if (output === undefined) return;
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(output, text);
}
