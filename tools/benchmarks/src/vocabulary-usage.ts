/**
 * How much of a vocabulary fine-tuning data uses, and what memory that saves (the finding of arXiv 2309.08708), for published
 * tokenizers and real data sets: `node tools/benchmarks/src/vocabulary-usage.ts [--data-sets ...] [--tokenizers ...] [--check]
 * [--report] [--output docs/benchmarks/vocabulary-usage.md]`.
 *
 * The set-up fetches what is missing. Data sets become JSONL files below `.cache/benchmarks/vocabulary-usage` (or
 * PEMMICAN_CACHE_DIR), which `pemmican run` reads as well. `--check` counts the data sets of up to `--check-megabytes 1` with
 * Hugging Face's tokenizers too and says how many ids differ. With `--output`, plots are written beside the document.
 * Results are kept: `--report` only writes down what the last run found.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ASSET_NAMES, ensureAsset, type AssetName } from '@pemmican/setup';
import { checkCells, type CheckedCell } from './vocabulary-usage/check.ts';
import { countDataSet, openTokenizer } from './vocabulary-usage/count.ts';
import { writeDataFiles, type DataFiles } from './vocabulary-usage/data-files.ts';
import { DATA_SETS, FOLDER } from './vocabulary-usage/data-sets.ts';
import { describe, type CheckSummary } from './vocabulary-usage/document.ts';
import { keepResults, readKeptResults, resultsOf, type KeptResults } from './vocabulary-usage/kept-results.ts';
import { TOKENIZERS } from './vocabulary-usage/models.ts';
import { memoryPlot, sharePlot } from './vocabulary-usage/plots.ts';
import { countsOf, type TokenCounts } from './vocabulary-usage/usage.ts';

const { values } = parseArgs({
  options: {
    'data-sets': { type: 'string', default: DATA_SETS.map(({ name }) => name).join(',') },
    tokenizers: { type: 'string', default: TOKENIZERS.join(',') },
    check: { type: 'boolean', default: false },
    'check-megabytes': { type: 'string', default: '1' },
    // Documents are written again more often than tokenizers and data change.
    report: { type: 'boolean', default: false },
    output: { type: 'string' },
  },
});

const progress = (line: string): void => {
  console.error(line);
};

/** The names of an option, each of which there has to be. */
function chosen(option: string, known: readonly string[], kind: string): string[] {
  const names = option.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new RangeError(`No ${kind} ${unknown}; there are: ${known.join(', ')}`);
  return known.filter((name) => names.includes(name));
}

function assetNamed(...names: readonly string[]): AssetName {
  const found = ASSET_NAMES.find((name) => names.includes(name));
  if (found === undefined) throw new RangeError(`The set-up has no ${names.join(' or ')}`);
  return found;
}

const fetchAsset = (...names: readonly string[]): Promise<string> =>
  ensureAsset(assetNamed(...names), { onProgress: progress });

async function prepare(names: readonly string[]): Promise<DataFiles[]> {
  const prepared: DataFiles[] = [];
  for (const dataSet of DATA_SETS.filter(({ name }) => names.includes(name))) {
    const splits = await dataSet.read(await fetchAsset(dataSet.asset));
    prepared.push(writeDataFiles(FOLDER, dataSet, splits));
  }
  return prepared;
}

async function check(cells: readonly CheckedCell[]): Promise<CheckSummary> {
  const differences = await checkCells(cells);
  const differing = differences.reduce((sum, count) => sum + count, 0);
  progress(`compared with Hugging Face's tokenizers: ${differing} differ`);
  if (differing > 0) process.exitCode = 1;
  const splits = cells.flatMap(({ profile }) => profile.splits);
  return {
    cellCount: cells.length,
    dataSets: [...new Set(cells.map(({ data }) => data.name))],
    idCount: splits.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0),
    differing,
  };
}

async function measure(): Promise<KeptResults> {
  const begunMs = performance.now();
  const elapsedSeconds = (): string => ((performance.now() - begunMs) / 1000).toFixed(0);
  const checkBytes = values.check ? Number(values['check-megabytes']) * 1e6 : 0;
  if (Number.isNaN(checkBytes)) throw new RangeError(`--check-megabytes is ${values['check-megabytes']}, not a number`);
  const tokenizerNames = chosen(values.tokenizers, TOKENIZERS, 'tokenizer');
  const dataSetNames = DATA_SETS.map(({ name }) => name);
  const dataFiles = await prepare(chosen(values['data-sets'], dataSetNames, 'data set'));
  progress(`${dataFiles.length} data sets ready after ${elapsedSeconds()} s`);
  const counts: TokenCounts[] = [];
  const checked: CheckedCell[] = [];
  for (const name of tokenizerNames) {
    const tokenizer = openTokenizer(name, await fetchAsset(`tokenizer-${name}`, name));
    for (const data of dataFiles) {
      const profile = await countDataSet(tokenizer, data);
      counts.push(countsOf(name, data.name, profile));
      if (data.textBytes <= checkBytes) checked.push({ tokenizerFile: tokenizer.file, data, profile });
    }
    progress(`${name}: counted after ${elapsedSeconds()} s`);
  }
  return {
    command: ['node tools/benchmarks/src/vocabulary-usage.ts', ...process.argv.slice(2)].join(' '),
    date: new Date().toISOString().slice(0, 10),
    countedSeconds: elapsedSeconds(),
    ...(values.check ? { check: await check(checked) } : {}),
    dataFiles,
    counts,
  };
}

const kept = values.report ? readKeptResults() : await measure();
if (!values.report) keepResults(kept);
const results = resultsOf(kept);
const stem = values.output?.replace(/\.md$/, '');
const document = describe(results, { ...kept, ...(stem === undefined ? {} : { stem }) });
console.log(document);
if (values.output !== undefined && stem !== undefined) {
  writeFileSync(values.output, `${document}\n`);
  writeFileSync(`${stem}-share.svg`, sharePlot(results));
  writeFileSync(`${stem}-memory.svg`, memoryPlot(results));
}
