import { readFileSync } from 'node:fs';
import path from 'node:path';
import { CACHE_FOLDER } from '@pemmican/testkit';
import type { FuzzMaterial } from './fuzz.ts';
import { Fuzzer } from './fuzz.ts';
import type { Mode } from './oracle.ts';
import { Random } from './random.ts';

export const CORPUS_NAMES = ['english', 'languages', 'mixed', 'code-and-mail', 'cjk-and-scripts'] as const;
export type CorpusName = (typeof CORPUS_NAMES)[number];

/**
 * What is done with the records of a corpus: each alone without and with special tokens, truncated at several lengths on
 * both sides, each with its neighbour as a pair under every strategy, and several as one text of several lines.
 */
export const CORPUS_MODES = ['plain', 'special', 'truncated', 'pairs', 'lines'] as const;
export type CorpusMode = (typeof CORPUS_MODES)[number];

/** Texts that are encoded in one way. */
export interface Batch {
  readonly texts: readonly Uint8Array[];
  readonly mode: Mode;
}

const BATCH_BYTES = 1 << 18;
const BATCH_TEXTS = 2048;
// Small, so that many lengths and strategies meet many texts.
const SMALL_BATCH_TEXTS = 256;
const BASE: Mode = { special: true, pairs: false, side: 'right', strategy: 'longest_first' };

const TRUNCATIONS: readonly Mode[] = [5, 8, 16, 24, 32, 64, 128, 512].flatMap((maxLength) => [
  { ...BASE, maxLength },
  { ...BASE, maxLength, side: 'left' as const },
  { ...BASE, maxLength, special: false },
]);
const PAIRS: readonly Mode[] = [
  { ...BASE, pairs: true },
  { ...BASE, pairs: true, special: false },
  ...[7, 16, 33, 64, 128].flatMap((maxLength) => [
    { ...BASE, pairs: true, maxLength },
    { ...BASE, pairs: true, maxLength, side: 'left' as const },
    { ...BASE, pairs: true, maxLength, strategy: 'only_first' as const },
    { ...BASE, pairs: true, maxLength, strategy: 'only_second' as const },
  ]),
];
const MODES: Readonly<Record<CorpusMode, readonly Mode[]>> = {
  plain: [{ ...BASE, special: false }],
  special: [BASE],
  truncated: TRUNCATIONS,
  pairs: PAIRS,
  lines: [{ ...BASE, special: false }],
};

/** Lines of a file as bytes, without their line feeds. */
export function* records(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(10, start);
    yield bytes.subarray(start, end < 0 ? bytes.length : end);
    start = end < 0 ? bytes.length : end + 1;
  }
}

export const corpusFile = (corpus: CorpusName): string => path.join(CACHE_FOLDER, 'corpora', `${corpus}.txt`);

/** Runs of two to nine neighbouring lines, each as one text. */
function* joinedRecords(bytes: Uint8Array): Generator<Uint8Array> {
  const random = new Random(4);
  let start = 0;
  let left = 1;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (--left > 0) continue;
    yield bytes.subarray(start, at);
    start = at + 1;
    left = 2 + random.below(8);
  }
}

/** Batches of a corpus; of every `stride` only one, and at most about `mostBytes` of all, evenly spread. */
export function* corpusBatches(
  corpus: CorpusName,
  mode: CorpusMode,
  stride: number,
  mostBytes: number,
): Generator<Batch> {
  const bytes = new Uint8Array(readFileSync(corpusFile(corpus)));
  const share = Math.min(1, mostBytes / bytes.length);
  let whole = 0;
  const modes = MODES[mode];
  const mostTexts = modes.length === 1 ? BATCH_TEXTS : SMALL_BATCH_TEXTS;
  let texts: Uint8Array[] = [];
  let size = 0;
  let index = 0;
  const batch = (): Batch | undefined => {
    const chosen = modes[Math.floor(index / stride) % modes.length];
    whole += share;
    const isSpread = whole >= 1 - 1e-9;
    if (isSpread) whole -= 1;
    const isTaken = isSpread && index++ % stride === 0;
    const taken = mode === 'pairs' ? texts.slice(0, texts.length & ~1) : texts;
    texts = [];
    size = 0;
    return isTaken && chosen !== undefined && taken.length > 0 ? { texts: taken, mode: chosen } : undefined;
  };
  for (const record of mode === 'lines' ? joinedRecords(bytes) : records(bytes)) {
    texts.push(record);
    size += record.length;
    if (size < BATCH_BYTES && texts.length < mostTexts) continue;
    const full = batch();
    if (full !== undefined) yield full;
  }
  const last = batch();
  if (last !== undefined) yield last;
}

/** Given texts: in pairs with their neighbours, truncated, with special tokens and without. */
export function* stringBatches(texts: readonly string[]): Generator<Batch> {
  const encoder = new TextEncoder();
  const encoded = texts.map((text) => encoder.encode(text));
  for (const mode of [...MODES.plain, BASE, ...TRUNCATIONS, ...PAIRS])
    yield { texts: mode.pairs ? encoded.slice(0, encoded.length & ~1) : encoded, mode };
}

/** Random texts: half of them alone and whole, the others truncated or in pairs. */
export function* fuzzBatches(material: FuzzMaterial, count: number, seed: number): Generator<Batch> {
  const random = new Random(seed);
  const fuzzer = new Fuzzer(random, material);
  const encoder = new TextEncoder();
  const plain = MODES.plain;
  for (let left = count; left > 0;) {
    const mode = random.pick(random.chance(0.6) ? plain : random.pick([[BASE], TRUNCATIONS, PAIRS]));
    const textCount = Math.min(SMALL_BATCH_TEXTS, left + (left & 1));
    const texts: Uint8Array[] = [];
    while (texts.length < textCount) texts.push(encoder.encode(fuzzer.text()));
    yield { texts, mode };
    left -= textCount;
  }
}

/** Lines to change: some of every corpus but the mixed one, which is made of the others. */
export function sampleLines(count: number): string[] {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return CORPUS_NAMES.filter((corpus) => corpus !== 'mixed').flatMap((corpus) => {
    const bytes = new Uint8Array(readFileSync(corpusFile(corpus)));
    const random = new Random(1);
    return Array.from({ length: count }, () => {
      const start = bytes.indexOf(10, random.below(bytes.length - (1 << 16))) + 1;
      return decoder.decode(bytes.subarray(start, bytes.indexOf(10, start)));
    });
  });
}
