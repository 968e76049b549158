/**
 * Holds our ids against those of Hugging Face's `tokenizers`, example by example, on whole corpora and on random texts:
 * `node tools/checks/src/tokenizer-differential.ts TOKENIZER... [--subjects A,B] [--corpora A,B] [--modes A,B] [--stride N]
 * [--megabytes N] [--fuzz COUNT] [--seed N] [--strings FILE] [--shrink N] [--differences FILE]`.
 *
 * A tokenizer is a folder below `.cache/tokenizers` or `.cache/models`, or a tokenizer.json; `all` stands for the former.
 * Corpora come from `tools/benchmarks/src/corpora.ts`. A stride takes one batch of every N in all modes but `plain`, which
 * takes each record of the corpus, or with `--megabytes` of about as many of them, spread over the corpus. `--fuzz` makes COUNT random texts from the seed; `--strings` takes a JSON array of texts. Texts that differ are made
 * small and printed with both ids, and appended to the file that `--differences` names. Tallies are kept in
 * `.cache/corpora/exactness.json`, out of which `tools/checks/src/tokenizer-exactness.ts` makes the report.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { CACHE_FOLDER } from '@pemmican/testkit';
import { Comparison, type Difference } from './tokenizer-differential/compare.ts';
import { RecordedOracle } from './tokenizer-differential/recorded-oracle.ts';
import { Results } from './tokenizer-differential/results.ts';
import { openSubjects, SUBJECT_NAMES } from './tokenizer-differential/subjects.ts';
import {
  CORPUS_MODES,
  CORPUS_NAMES,
  corpusBatches,
  fuzzBatches,
  sampleLines,
  stringBatches,
  type Batch,
} from './tokenizer-differential/workload.ts';

const LINES_OF_A_CORPUS = 20_000;
// Characters of a text or of ids that are printed.
const MAX_SHOWN = 2000;
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    subjects: { type: 'string', default: 'all' },
    corpora: { type: 'string', default: '' },
    modes: { type: 'string', default: 'plain' },
    stride: { type: 'string', default: '1' },
    megabytes: { type: 'string', default: '0' },
    fuzz: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    strings: { type: 'string' },
    shrink: { type: 'string', default: '20' },
    differences: { type: 'string' },
  },
});

function count(name: 'stride' | 'megabytes' | 'fuzz' | 'seed' | 'shrink'): number {
  const value = Number(options[name]);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`--${name} ${options[name]} is not a count`);
  return value;
}

function choose<Name extends string>(list: string, names: readonly Name[]): Name[] {
  const words = list === 'all' ? names : list.split(',').filter((word) => word !== '');
  return words.map((word) => {
    const name = names.find((each) => each === word);
    if (name === undefined) throw new RangeError(`No ${word}; there are: ${names.join(', ')}`);
    return name;
  });
}

function tokenizerFile(name: string): string {
  const places = ['tokenizers', 'models'].map((folder) => path.join(CACHE_FOLDER, folder, name, 'tokenizer.json'));
  const file = [...places, name].find((place) => place.endsWith('.json') && existsSync(place));
  if (file === undefined) throw new RangeError(`No tokenizer ${name} in ${path.join(CACHE_FOLDER, 'tokenizers')}`);
  return file;
}

function printDifference(tokenizer: string, where: string, difference: Difference): void {
  const { subject, text, textPair, mode, expected, actual } = difference;
  const truncation = mode.maxLength === undefined ? '' : ` ${mode.maxLength} ${mode.side} ${mode.strategy}`;
  const shown = (value: unknown): string => {
    const json = JSON.stringify(value);
    return json.length <= MAX_SHOWN ? json : `${json.slice(0, MAX_SHOWN)}... (${json.length})`;
  };
  const lines = [
    `${tokenizer} ${subject} (${where})${mode.special ? ' with special tokens' : ''}${truncation}: ${shown(text)}`,
    ...(textPair === undefined ? [] : [`  pair:     ${shown(textPair)}`]),
    `  expected: ${expected === undefined ? 'an error' : shown(expected)}`,
    `  ours:     ${actual === undefined ? 'an error, or counts' : shown(actual)}`,
    '',
  ].join('\n');
  console.log(lines);
  if (options.differences !== undefined) appendFileSync(options.differences, `${lines}\n`);
}

const results = new Results(path.join(CACHE_FOLDER, 'corpora', 'exactness.json'));
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();

async function checkTokenizer(name: string): Promise<number> {
  const file = tokenizerFile(name);
  const oracle = new RecordedOracle(file, path.join(CACHE_FOLDER, 'corpora', 'oracle'));
  let total = 0;
  const compare = async (corpus: string, mode: string, batches: Iterable<Batch>): Promise<void> => {
    const comparison = new Comparison(oracle, subjects, count('shrink'));
    const begun = performance.now();
    await comparison.run(batches);
    const seconds = (performance.now() - begun) / 1000;
    for (const [subject, { examples, differences }] of comparison.tallies) {
      console.log(
        `${name} ${subject} ${corpus} ${mode}: ${examples} examples, ${differences} differ (${seconds.toFixed(1)} s)`,
      );
      const command = ['tokenizer-differential.ts', ...process.argv.slice(2)].join(' ');
      results.add({ tokenizer: name, subject, corpus, mode, examples, differences, commit, command });
      total += differences;
    }
    for (const difference of comparison.differences) printDifference(name, `${corpus}, ${mode}`, difference);
  };
  const { tokenizer, subjects, tokens } = openSubjects(file, choose(options.subjects, SUBJECT_NAMES));
  try {
    for (const corpus of choose(options.corpora, CORPUS_NAMES))
      for (const mode of choose(options.modes, CORPUS_MODES)) {
        const stride = mode === 'plain' ? 1 : Math.max(1, count('stride'));
        await compare(corpus, mode, corpusBatches(corpus, mode, stride, count('megabytes') * 1e6 || Infinity));
      }
    if (options.strings !== undefined)
      await compare(
        'strings',
        path.basename(options.strings),
        stringBatches(JSON.parse(readFileSync(options.strings, 'utf8')) as string[]),
      );
    if (count('fuzz') > 0) {
      const addedTokens = tokenizer.addedTokens.map((token) => token.content);
      const material = { lines: sampleLines(LINES_OF_A_CORPUS), tokens, addedTokens };
      await compare('fuzz', `seed ${count('seed')}`, fuzzBatches(material, count('fuzz'), count('seed')));
    }
  } finally {
    oracle.close();
  }
  return total;
}

const names = positionals.flatMap((name) =>
  name === 'all' ? readdirSync(path.join(CACHE_FOLDER, 'tokenizers')).sort() : [name],
);
if (names.length === 0) throw new RangeError('Name a tokenizer, or all');
let differences = 0;
for (const name of names) differences += await checkTokenizer(name);
process.exitCode = differences === 0 ? 0 : 1;
