import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { TokenIdMap } from '@pemmican/vocabulary';
import { openFolder } from '@pemmican/storage';
import { reducedTokenizerFiles } from '../src/tokenizer-export.ts';
import { REPOSITORY, temporaryFolder } from './harness.ts';

const PYTHON = path.join(REPOSITORY, '.cache/python/bin/python');
const ORACLE = path.join(import.meta.dirname, 'oracles/reduced_ids.py');
const DATA = path.join(REPOSITORY, '.cache/data/sentiment');

function oracle(...parameters: string[]): unknown {
  return JSON.parse(execFileSync(PYTHON, [ORACLE, ...parameters], { encoding: 'utf8', maxBuffer: 1e8 }));
}

interface Comparison {
  readonly rows: number;
  readonly tokens: number;
  /** Rows whose ids are not the reduced ids of the full ones. */
  readonly different: number;
  /** Rows with an id that has no row in the matrix. */
  readonly outside: number;
}

/** A reduced tokenizer of the ids that the library counts in files, cut to a length. */
class Reduced {
  readonly keptTokenIds: readonly number[];
  /** Holds the tokenizer. */
  readonly folder: string;
  readonly #full: string;
  readonly #map: string;
  readonly #maxLength: string;

  private constructor(folder: string, full: string, maxLength: number, keptTokenIds: readonly number[]) {
    this.folder = path.join(folder, 'reduced-tokenizer');
    this.#full = full;
    this.#maxLength = String(maxLength);
    this.keptTokenIds = keptTokenIds;
    this.#map = path.join(folder, 'map.json');
    writeFileSync(this.#map, JSON.stringify({ keptTokenIds }));
  }

  static async create(
    t: TestContext,
    model: string,
    rows: number,
    maxLength: number,
    coversWholeRecords: boolean,
    files: readonly string[],
  ): Promise<Reduced> {
    const folder = temporaryFolder(t);
    const full = path.join(model, 'tokenizer.json');
    const keptTokenIds = oracle('kept', full, String(maxLength), ...files) as number[];
    const reduced = new Reduced(folder, full, maxLength, keptTokenIds);
    const tokenIdMap = TokenIdMap.create(rows, Uint32Array.from(keptTokenIds));
    const written = await reducedTokenizerFiles(await openFolder(model), { tokenIdMap, coversWholeRecords });
    mkdirSync(reduced.folder);
    for (const { fileName, bytes } of written) writeFileSync(path.join(folder, fileName), bytes);
    return reduced;
  }

  compare(...files: string[]): Comparison {
    const reduced = path.join(this.folder, 'tokenizer.json');
    return oracle('compare', this.#full, reduced, this.#map, this.#maxLength, ...files) as Comparison;
  }

  compareAuto(...files: string[]): Comparison {
    return oracle('compare_auto', this.#full, this.folder, this.#map, this.#maxLength, ...files) as Comparison;
  }

  encode(...texts: string[]): number[][] {
    return oracle('encode', path.join(this.folder, 'tokenizer.json'), ...texts) as number[][];
  }

  get readme(): string {
    return readFileSync(path.join(this.folder, 'README.md'), 'utf8');
  }
}

function skipWithout(model: string): string | false {
  const isSetUp = existsSync(path.join(model, 'tokenizer.json')) && existsSync(PYTHON) && existsSync(DATA);
  return isSetUp ? false : 'the model, the data or Python is not set up';
}

const [AMAZON, IMDB, YELP] = ['amazon', 'imdb', 'yelp'].map((name) => path.join(DATA, `${name}.json`)) as [
  string,
  string,
  string,
];

// WordPiece and Unigram; kept ids as transformers' tokenizers 0.23.3 counts them.
const MODELS = [
  { name: 'all-MiniLM-L6-v2', rows: 30522, keptCount: 2002 },
  { name: 'multilingual-e5-small', rows: 250037, keptCount: 2402 },
];

for (const { name, rows, keptCount } of MODELS) {
  const model = path.join(REPOSITORY, '.cache/models', name);
  test(
    `reducedTokenizerFiles of ${name} yield the reduced ids of every row that was counted`,
    { skip: skipWithout(model) },
    async (t) => {
      const reduced = await Reduced.create(t, model, rows, 128, true, [AMAZON]);
      assert.equal(reduced.keptTokenIds.length, keptCount);
      const { rows: rowCount, different } = reduced.compare(AMAZON);
      assert.deepEqual([rowCount, different], [1000, 0]);
      // Text that was not counted never gets an id without a row.
      assert.equal(reduced.compare(YELP).outside, 0);
      const size = (folder: string): number => readFileSync(path.join(folder, 'tokenizer.json')).length;
      assert.ok(size(reduced.folder) < size(model) / 10);
      assert.match(reduced.readme, /Ids 0 to \d+ are the rows/);
      assert.match(reduced.readme, /replaced by smaller ones that have, or by the unknown token/);
    },
  );
}

// Byte-level BPE without and with NFC, and BPE with byte fallback, which alone has an unknown token.
const BPE_TOKENIZERS = [
  { name: 'gpt2', rows: 50257, unkToken: undefined },
  { name: 'qwen3', rows: 151936, unkToken: undefined },
  { name: 'llama2', rows: 32000, unkToken: 0 },
];

for (const { name, rows, unkToken } of BPE_TOKENIZERS) {
  const model = path.join(REPOSITORY, '.cache/tokenizers', name);
  test(
    `reducedTokenizerFiles of ${name} yield the reduced ids by the merges that lead to them, in transformers too`,
    { skip: skipWithout(model) },
    async (t) => {
      const reduced = await Reduced.create(t, model, rows, 100_000, true, [AMAZON, IMDB]);
      const rowCount = reduced.keptTokenIds.length;
      const { tokens, ...compared } = reduced.compare(AMAZON, IMDB);
      assert.deepEqual(compared, { rows: 2000, different: 0, outside: 0 });
      assert.ok(tokens > 30_000);
      assert.equal(reduced.compareAuto(AMAZON, IMDB).different, 0);
      // Text that was not counted is cut into other tokens, some without a row; no character is lost.
      const unseen = reduced.encode('\u2603', 'quixotically');
      const isOutside = (id: number): boolean => id >= rowCount;
      if (unkToken === undefined) assert.ok(unseen[0]!.length >= 3 && unseen[0]!.some(isOutside), String(unseen[0]));
      else assert.equal(unseen[0]!.at(-1), reduced.keptTokenIds.indexOf(unkToken));
      assert.ok(unseen[1]!.length > 0);
      assert.match(reduced.readme, new RegExp(`max\\(input_ids\\) < ${rowCount}\\b`));
      assert.match(
        reduced.readme,
        unkToken === undefined
          ? /has no unknown token to take its place/
          : /Put id \d+, the unknown token, in its place/,
      );
    },
  );
}

for (const [name, rows, folder] of [
  ['multilingual-e5-small', 250037, 'models'],
  ['all-MiniLM-L6-v2', 30522, 'models'],
  ['gpt2', 50257, 'tokenizers'],
  ['llama2', 32000, 'tokenizers'],
] as const) {
  const model = path.join(REPOSITORY, '.cache', folder, name);
  test(
    `reducedTokenizerFiles of ${name} cut the words alike that truncation went through, and show ids without a row`,
    { skip: skipWithout(model) },
    async (t) => {
      const reduced = await Reduced.create(t, model, rows, 12, false, [AMAZON, IMDB]);
      assert.deepEqual(
        { ...reduced.compare(AMAZON, IMDB), tokens: 0 },
        { rows: 2000, tokens: 0, different: 0, outside: 0 },
      );
      assert.equal(reduced.compareAuto(AMAZON, IMDB).different, 0);
      // Whatever was not counted is past the rows, and nothing else differs.
      const other = reduced.compare(YELP);
      assert.ok(other.different > 100);
      assert.equal(other.outside, other.different);
      assert.match(reduced.readme, /Some counted records were cut/);
    },
  );
}
