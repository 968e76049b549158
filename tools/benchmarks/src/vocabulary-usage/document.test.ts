import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describe } from './document.ts';
import { formatParameters, memoryPlot, sharePlot, withTheme } from './plots.ts';
import { cellsOf, median, modelsOfTokenizers, type Results } from './results.ts';
import { memoryTable, publishedTable, shareTable } from './tables.ts';

const dataSet = (name: string, isMultilingual: boolean): Results['dataSets'][number] => ({
  name,
  description: 'some texts',
  source: 'npm some 1.0.0',
  licence: 'MIT',
  isMultilingual,
  isOfWords: false,
  isOfPairs: false,
  asset: name,
  read: () => Promise.reject(new Error('not read here')),
  files: { train: 'train.jsonl', validation: 'validation.jsonl' },
  recordCounts: { train: 9, validation: 1 },
  textBytes: 1234,
  digest: '00',
});
const count = (tokenizer: string, name: string, usedCount: number): Results['counts'][number] => ({
  tokenizer,
  dataSet: name,
  recordCount: 10,
  tokenCount: 100,
  truncatedRecordCount: 1,
  usedCount,
  validationOnlyCount: 2,
  keptCount: usedCount + 4,
});
const results: Results = {
  dataSets: [dataSet('rotten-tomatoes', false), dataSet('verses', true)],
  counts: [
    count('bert-base-uncased', 'rotten-tomatoes', 3052),
    count('bert-base-uncased', 'verses', 15_261),
    count('multilingual-e5-small', 'rotten-tomatoes', 9375),
    count('multilingual-e5-small', 'verses', 25_000),
  ],
};

test('median is the middle, or the mean of the two in the middle', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test('cellsOf gives every model of a tokenizer its own sizes', () => {
  const cells = cellsOf(results);
  assert.deepEqual(
    [...new Set(cells.map(({ model }) => model.name))],
    ['BERT base, uncased', 'all-MiniLM-L6-v2', 'XLM-R base', 'multilingual-e5-small'],
  );
  const [bert] = cells;
  // (30,522 - 3,056) rows x 768 x 16 bytes.
  assert.equal(bert?.savedBytes, 337_502_208);
  assert.deepEqual(
    modelsOfTokenizers(results).map(({ name }) => name),
    ['BERT base, uncased', 'XLM-R base'],
  );
});

test('shareTable has a data set a row and the median below', () => {
  assert.deepEqual(shareTable(results).split('\n').slice(2), [
    '| rotten-tomatoes | 10.0 % | 3.75 % |',
    '| verses | 50.0 % | 10.0 % |',
    '| **median** | **30.0 %** | **6.87 %** |',
  ]);
});

test('memoryTable says what is saved at least and at most', () => {
  const [, , bert] = memoryTable(results).split('\n');
  // 109,483,778 x 16 bytes; 15,257 and 27,466 rows of 768 x 16 bytes less, and the mean of both.
  assert.equal(
    bert,
    '| BERT base, uncased | 768 | 109M | 21.4 % | 1.75 GB | 187 MB (10.7 %) | 262 MB (15.0 %) | 338 MB (19.3 %) |',
  );
});

test('publishedTable puts the rows that others use beside ours', () => {
  // 96.25 % of 250,002 rows are dropped for SST-2: 9,375 are used, as many as here.
  assert.match(
    publishedTable(results),
    /^\| XLM-R base, rotten-tomatoes \| 96\.25 % \| 9,375 \| xlm-roberta-base, SST-2 \| 96\.25 % \| 9,375 \| 1\.00 \|$/m,
  );
});

test('describe names the plots beside the document, and what was checked', () => {
  const options = { command: 'node x', date: '2026-01-02', countedSeconds: '1' };
  const check = { cellCount: 3, dataSets: ['verses'], idCount: 1200, differing: 0 };
  const text = describe(results, { ...options, check, stem: 'docs/benchmarks/usage' });
  assert.match(text, /^!\[[^\]]+\]\(usage-share\.svg\)$/m);
  assert.match(text, /of 1,200 ids with their counts, split by split, 0 differ\./);
  assert.match(text, /uses 30\.0 % of BERT base, uncased's 30,522 rows and 6\.9 % of XLM-R base's 250,002\./);
  const plain = describe(results, options);
  assert.doesNotMatch(plain, /\.svg|Checked against/);
});

test('sharePlot and memoryPlot draw a dot a data set and a mark at the median, in the colours of both themes', () => {
  for (const [svg, rowCount] of [
    [sharePlot(results), 2],
    [memoryPlot(results), 4],
  ] as const) {
    const [, drawn = ''] = svg.split('</style>');
    const fills = (color: string): number => drawn.split(`fill="${color}"`).length - 1;
    // Accent and contrast stand in for one language and others; the legend has one of each as well.
    assert.equal(fills('#050505'), rowCount + 1);
    assert.equal(fills('#070707'), rowCount + 1);
    assert.match(svg, /^<svg [^>]+ class="plot">\n<style>:root\{/);
    assert.match(svg, /prefers-color-scheme:dark/);
    assert.match(svg, />30\.0 %<|>15\.0 %<|>15 %</);
  }
});

test('withTheme refuses what is no SVG', () => {
  assert.throws(() => withTheme('<p>'), TypeError);
});

test('formatParameters shows millions and billions', () => {
  assert.deepEqual([22_713_986, 109_483_778, 7_110_668_288].map(formatParameters), ['22.7M', '109M', '7.11B']);
});
