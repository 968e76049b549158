/**
 * Writes docs/benchmarks/tokenizer-exactness.md out of what `tokenizer-differential.ts` has recorded:
 * `node tools/checks/src/tokenizer-exactness.ts`.
 * @module
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CACHE_FOLDER } from '@pemmican/testkit';
import { format, resolveConfig } from 'prettier';
import { ORACLE_VERSION } from './tokenizer-differential/oracle.ts';
import { Results, type Result } from './tokenizer-differential/results.ts';
import { SUBJECT_NAMES } from './tokenizer-differential/subjects.ts';
import { CORPUS_NAMES } from './tokenizer-differential/workload.ts';
import { REPOSITORY_ROOT } from './step.ts';

const TARGET = path.join(REPOSITORY_ROOT, 'docs', 'benchmarks', 'tokenizer-exactness.md');

const number = (value: number): string => value.toLocaleString('en-US');
const sum = (results: readonly Result[], key: 'examples' | 'differences'): number =>
  results.reduce((total, result) => total + result[key], 0);

/** `examples`, and the differences where there are any. */
function cell(results: readonly Result[]): string {
  if (results.length === 0) return '-';
  const differences = sum(results, 'differences');
  return number(sum(results, 'examples')) + (differences === 0 ? '' : ` (**${number(differences)} differ**)`);
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map((_, index) => (index === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

function tokenizerFile(name: string): string {
  const places = ['tokenizers', 'models'].map((folder) => path.join(CACHE_FOLDER, folder, name, 'tokenizer.json'));
  return places.find((place) => existsSync(place)) ?? name;
}

const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16);

function corpusRows(): string[][] {
  return CORPUS_NAMES.map((name) => {
    const file = path.join(CACHE_FOLDER, 'corpora', `${name}.json`);
    const summary = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly recordCount: number;
      readonly sizeBytes: number;
      readonly digest: string;
    };
    return [name, number(summary.recordCount), number(summary.sizeBytes), `\`${summary.digest.slice(0, 16)}\``];
  });
}

const all = new Results(path.join(CACHE_FOLDER, 'corpora', 'exactness.json')).all;
const tokenizers = [...new Set(all.map(({ tokenizer }) => tokenizer))].sort();
const chosen = (subject: string, corpus: string, filter: (result: Result) => boolean = () => true): Result[] =>
  all.filter((result) => result.subject === subject && result.corpus === corpus && filter(result));

function corpusTable(subject: string, isMode: (mode: string) => boolean): string {
  const rows = tokenizers.map((tokenizer) => [
    tokenizer,
    ...CORPUS_NAMES.map((corpus) =>
      cell(chosen(subject, corpus, (result) => result.tokenizer === tokenizer && isMode(result.mode))),
    ),
  ]);
  return table(['tokenizer', ...CORPUS_NAMES], rows);
}

function fuzzTable(): string {
  const rows = tokenizers.map((tokenizer) => [
    tokenizer,
    ...SUBJECT_NAMES.map((subject) => cell(chosen(subject, 'fuzz', (result) => result.tokenizer === tokenizer))),
  ]);
  const totals = SUBJECT_NAMES.map((subject) => cell(chosen(subject, 'fuzz')));
  return table(['tokenizer', ...SUBJECT_NAMES], [...rows, ['all', ...totals]]);
}

const commands = [
  ...new Set(all.map(({ command }) => command.replace(/^(\S+) \S+/, '$1 TOKENIZER').replace(/ --differences \S+/, ''))),
].sort();
const commits = [...new Set(all.map(({ commit }) => commit))].sort();
const text = `# Ids of the tokenizers, held against Hugging Face's

Written by \`node tools/checks/src/tokenizer-exactness.ts\` on ${new Date().toISOString().slice(0, 10)} out of what
\`tokenizer-differential.ts\` recorded. The reference is \`tokenizers\` ${ORACLE_VERSION}; every id, and every type id, of every
example is compared. \`Tokenizer\` is the readable path, \`FastEncoder\` and \`FastCounter\` are the byte path (of the
counter: tokens of each record, and occurrences of each id in each batch). Numbers are examples; where some differ, it is said.

In all: ${number(sum(all, 'examples'))} examples, ${number(sum(all, 'differences'))} of them with a difference. A dash says that this was not run.
A result stands for the commit that it was made at (all are named below), and the byte path has changed since the first of them.

## What was found on the way

Runs that found these are not counted here; what they found is fixed, and tested in \`libs/tokenizer/test\`:

- Unigram scores of 17 digits, which the reference's reader of JSON stores one unit off: another one of two equally good segmentations.
- The byte path lost added tokens after large blocks, whose bytes lay over the table that says where added tokens begin.
- \`\\w\` in brackets is not \`\\w\` outside of them for six characters of Latin-1.
- Added tokens of normalized text are looked for by their normalized contents; ids of added tokens are not those of the file where these do not follow the vocabulary.
- The byte path took a mark after a composed character for settled, where it goes before that character's own mark: a dotted capital I with a dot below.
- A sign such as U+0600 or U+0891 holds on to the letter after it: an accent on that letter was composed with it by itself.
- Two texts of which special tokens leave no room were refused under \`only_first\` and \`only_second\`.
- Type ids of pairs without special tokens are those of the template. WordPiece without a prefix lost its continuations in the byte path.
- One run of the reference itself was wrong: \`encode_batch_fast\` leaves out type ids of pairs where there is no post-processor, so pairs are asked for by \`encode_batch\`.

## Tokenizers

SHA-256 of each \`tokenizer.json\`, its first 16 digits.

${table(
  ['tokenizer', 'digest'],
  tokenizers.map((name) => [name, `\`${digest(tokenizerFile(name))}\``]),
)}

## Corpora

Made by \`tools/benchmarks/src/corpora.ts\`.

${table(['corpus', 'records', 'bytes', 'SHA-256'], corpusRows())}

## Records alone, without special tokens

${SUBJECT_NAMES.map((subject) => `\`${subject}\`:\n\n${corpusTable(subject, (mode) => mode === 'plain')}`).join('\n\n')}

## With special tokens, truncated on both sides, in pairs, of several lines

${SUBJECT_NAMES.map((subject) => `\`${subject}\`:\n\n${corpusTable(subject, (mode) => mode !== 'plain')}`).join('\n\n')}

## Random texts

Random Unicode, changed lines of the corpora, tokens side by side, added tokens inside of words; alone, in pairs, truncated.

${fuzzTable()}

## Commands

Commits ${commits.map((commit) => `\`${commit}\``).join(', ')}.

\`\`\`
${commands.map((command) => `node tools/checks/src/${command}`).join('\n')}
\`\`\`
`;
writeFileSync(TARGET, await format(text, { ...(await resolveConfig(TARGET)), filepath: TARGET }));
console.log(`${TARGET}: ${tokenizers.length} tokenizers, ${number(sum(all, 'examples'))} examples`);
