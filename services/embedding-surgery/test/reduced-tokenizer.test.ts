import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
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

// WordPiece and Unigram; kept ids as transformers' tokenizers 0.23.3 counts them.
const MODELS = [
  { name: 'all-MiniLM-L6-v2', rows: 30522, keptCount: 2002 },
  { name: 'multilingual-e5-small', rows: 250037, keptCount: 2402 },
];

for (const { name, rows, keptCount } of MODELS) {
  const model = path.join(REPOSITORY, '.cache/models', name);
  const isSetUp = existsSync(path.join(model, 'tokenizer.json')) && existsSync(PYTHON) && existsSync(DATA);
  test(
    `reducedTokenizerFiles of ${name} yield the reduced ids of every row that was counted`,
    { skip: isSetUp ? false : 'the model, the data or Python is not set up' },
    async (t) => {
      const folder = temporaryFolder(t);
      const tokenizer = path.join(model, 'tokenizer.json');
      const data = path.join(DATA, 'amazon.json');
      const keptTokenIds = oracle('kept', tokenizer, '128', data) as number[];
      assert.equal(keptTokenIds.length, keptCount);
      const map = path.join(folder, 'map.json');
      writeFileSync(map, JSON.stringify({ keptTokenIds }));
      const files = await reducedTokenizerFiles(
        await openFolder(model),
        TokenIdMap.create(rows, Uint32Array.from(keptTokenIds)),
      );
      const reduced = path.join(folder, 'tokenizer.json');
      writeFileSync(reduced, files.find(({ fileName }) => fileName.endsWith('/tokenizer.json'))!.bytes);
      const result = oracle('compare', tokenizer, reduced, map, '128', data) as Record<string, number>;
      assert.equal(result['rows'], 1000);
      assert.equal(result['different'], 0);
      // Text that was not counted never gets an id without a row.
      const other = oracle('compare', tokenizer, reduced, map, '128', path.join(DATA, 'yelp.json')) as typeof result;
      assert.equal(other['outside'], 0);
      assert.ok(readFileSync(reduced).length < readFileSync(tokenizer).length / 10);
    },
  );
}
