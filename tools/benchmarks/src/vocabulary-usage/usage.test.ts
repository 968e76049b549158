import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tokenizer } from '@pemmican/tokenizer';
import { analyzeVocabulary, type AnalyzedRecord } from '@pemmican/vocabulary';
import { countsOf, usageOf } from './usage.ts';

async function* recordsOf(texts: readonly string[]): AsyncGenerator<AnalyzedRecord> {
  for (const text of texts) yield { text };
}

// [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, [MASK] 4, a 5, b 6, c 7, d 8.
const tokenizer = Tokenizer.fromVocabTxt('[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\n', { fileName: 'vocab.txt' });
const profile = await analyzeVocabulary(
  [
    { split: 'train', records: recordsOf(['a b c', 'a']), skippedRecordCount: () => 0 },
    { split: 'validation', records: recordsOf(['b c d', 'd']), skippedRecordCount: () => 0 },
  ],
  {
    pemmicanVersion: '0.1.0',
    tokenizer,
    tokenizerDigest: 'sha256:00',
    modelVocabSize: 20,
    hiddenSize: 4,
    maxSequenceLength: 4,
  },
);

test('countsOf counts what occurs apart from what is kept', () => {
  // Cut to [CLS] a b [SEP], [CLS] a [SEP] and [CLS] b c [SEP], [CLS] d [SEP]: c and d are in validation only.
  assert.deepEqual(countsOf('t', 's', profile), {
    tokenizer: 't',
    dataSet: 's',
    recordCount: 4,
    tokenCount: 14,
    truncatedRecordCount: 2,
    usedCount: 6,
    validationOnlyCount: 2,
    keptCount: 9,
  });
});

test("usageOf takes the saved rows' bytes of the whole model's", () => {
  // 20 x 4 = 80 of 100 parameters are the matrix; 9 of its 20 rows stay, 11 x 4 x 16 bytes are saved of 100 x 16.
  const model = { name: 'm', tokenizer: 't', vocabSize: 20, hiddenSize: 4, parameterCount: 100 };
  assert.deepEqual(usageOf(countsOf('t', 's', profile), model), {
    usedShare: 0.3,
    embeddingParameterCount: 80,
    keptEmbeddingParameterCount: 36,
    savedBytes: 704,
    savedShare: 0.44,
  });
});

test('usageOf saves nothing of a matrix that has fewer rows than the tokenizer has ids', () => {
  const model = { name: 'm', tokenizer: 't', vocabSize: 8, hiddenSize: 4, parameterCount: 100 };
  assert.equal(usageOf(countsOf('t', 's', profile), model).savedBytes, 0);
});
