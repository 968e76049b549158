import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { CACHE_FOLDER } from '@pemmican/testkit';
import { checkCells, differingIds } from './check.ts';
import { countDataSet, openTokenizer } from './count.ts';
import { writeDataFiles } from './data-files.ts';
import type { Splits } from './record.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pemmican-usage-'));
});
after(() => rm(folder, { recursive: true }));

const long = 'The film is good , and 2 of its actors were better than that . '.repeat(20);
const TEXTS: Splits = {
  train: [
    { text: long, label: '1' },
    { text: 'Größe: naïve café 中文', label: '0' },
  ],
  validation: [{ text: 'unbelievable', label: '1' }],
};
const PAIRS: Splits = {
  train: [{ text: long, text_pair: long.toUpperCase(), label: 'a' }],
  validation: [{ text: 'def f(x):', text_pair: '    return x + 1\n', label: 'b' }],
};
const WORDS: Splits = {
  train: [{ tokens: ['Unbelievable', ',', 'isn', "'t", 'it', '?'], ner_tags: ['a', 'b', 'c', 'd', 'e', 'f'] }],
  validation: [{ tokens: ['New', 'York'], ner_tags: ['a', 'a'] }],
};

// Of the tokenizers that the tests have: WordPiece, and byte-level BPE, which reads words in another way than texts.
for (const name of ['bert-base-uncased', 'gpt2']) {
  test(`countDataSet with ${name} counts what Hugging Face's tokenizers count, of texts, pairs and words`, async () => {
    const tokenizer = openTokenizer(name, path.join(CACHE_FOLDER, 'tokenizers', name));
    const cells = [];
    for (const [kind, splits] of Object.entries({ TEXTS, PAIRS, WORDS })) {
      const data = writeDataFiles(folder, { name: `${name}-${kind}`, isOfWords: kind === 'WORDS' }, splits);
      cells.push({ tokenizerFile: tokenizer.file, data, profile: await countDataSet(tokenizer, data) });
    }
    assert.deepEqual(await checkCells(cells), [0, 0, 0]);
    // The long text was cut, and so was the pair.
    assert.deepEqual(
      cells.map(({ profile }) => profile.splits.map(({ truncatedRecordCount }) => truncatedRecordCount)),
      [
        [1, 0],
        [1, 0],
        [0, 0],
      ],
    );
    // A cell beside another one's counts: the comparison does find differences.
    const [texts, pairs] = cells;
    assert.ok(texts && pairs);
    const [differing] = await checkCells([{ ...texts, data: pairs.data }]);
    assert.ok(differing !== undefined && differing > 10);
  });
}

test('differingIds finds ids that occur more or less often, and those that only one side has', async () => {
  const tokenizer = openTokenizer('bert-base-uncased', path.join(CACHE_FOLDER, 'tokenizers', 'bert-base-uncased'));
  const data = writeDataFiles(
    folder,
    { name: 'two' },
    {
      train: [{ text: 'good good', label: '1' }],
      validation: [{ text: 'bad', label: '0' }],
    },
  );
  const profile = await countDataSet(tokenizer, data);
  // [CLS] 101, [SEP] 102, good 2204, bad 2919: the published ids.
  const train = [[101, 1] as const, [102, 1] as const, [2204, 2] as const];
  const validation = [[101, 1] as const, [102, 1] as const, [2919, 1] as const];
  assert.equal(differingIds(profile, [train, validation]), 0);
  assert.equal(
    differingIds(profile, [
      [
        [101, 1],
        [102, 1],
        [2204, 1],
      ],
      validation,
    ]),
    1,
  );
  assert.equal(
    differingIds(profile, [
      [
        [101, 1],
        [102, 1],
        [2205, 2],
      ],
      validation,
    ]),
    2,
  );
  assert.equal(differingIds(profile, [train]), 3);
  assert.equal(differingIds(profile, [train, validation, [[7, 1]]]), 1);
});
