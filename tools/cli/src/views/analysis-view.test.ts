import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AnalysisResult, Split } from '@pemmican/contract/vocabulary';
import { createColors } from 'picocolors';

import { renderAnalysis } from './analysis-view.ts';

const noColors = createColors(false);

const result = AnalysisResult.fromPartial({
  fullVocabSize: 30522,
  reducedVocabSize: 4108,
  hiddenSize: 384,
  fullEmbeddingTrainingBytes: 30522 * 384 * 16,
  reducedEmbeddingTrainingBytes: 4108 * 384 * 16,
  splits: [
    {
      split: Split.TRAIN,
      recordCount: 1000,
      skippedRecordCount: 1,
      tokenCount: 14920,
      distinctTokenCount: 1987,
      addedTokenCount: 1987,
      truncatedRecordCount: 38,
      tokensPerRecordP50: 13,
      tokensPerRecordP90: 27,
      tokensPerRecordP99: 32,
      tokensPerRecordMax: 32,
    },
    {
      split: Split.VALIDATION,
      recordCount: 1000,
      distinctTokenCount: 3082,
      addedTokenCount: 2118,
      truncatedRecordCount: 145,
    },
  ],
  coverage: [
    { tokenCount: 35, coverage: 0.51 },
    { tokenCount: 1413, coverage: 0.9 },
    { tokenCount: 4105, coverage: 1 },
  ],
});

test('renderAnalysis says what is used, what each split adds, what is cut, and what memory that leaves', () => {
  const lines = renderAnalysis(result, noColors).split('\n');
  const line = (start: string): string => lines.find((candidate) => candidate.startsWith(start)) ?? '';
  assert.match(line('embedding rows'), /30,522 +4,108 +13\.5 %$/);
  assert.match(line('embedding memory'), /188 MB +25\.2 MB +13\.5 %$/);
  assert.match(line('train'), /1,000 +1 +14,920 +1,987 +1,987 +38 \(3\.8 %\) +13\/27\/32\/32$/);
  // 4105 of 30522; [PAD], [UNK] and [MASK] do not occur.
  assert.equal(
    line('Used:'),
    'Used: 4,105 ids occur (13.4 % of the vocabulary); 3 more rows are kept for special and named tokens and padding.',
  );
  assert.equal(line('Added:'), 'Added: validation has 2,118 ids that train has not (68.7 % of its own).');
  assert.equal(
    line('Coverage:'),
    'Coverage: 35 ids make up 50 %, 1,413 ids make up 90 %, 4,105 ids make up 99 % of all tokens.',
  );
  assert.equal(
    line('Truncated:'),
    'Truncated: 183 (9.2 %) of all records are longer than --max-seq-length; what is cut off does not count.',
  );
});

test('renderAnalysis says nothing of what did not happen', () => {
  const [train] = result.splits;
  const text = renderAnalysis(
    { ...result, reducedVocabSize: 1987, splits: [{ ...train!, truncatedRecordCount: 0 }] },
    noColors,
  );
  assert.doesNotMatch(text, /Added|Truncated|Lossy|more rows/);
  assert.match(text, /Used: 1,987 ids occur \(6\.5 % of the vocabulary\)\./);
});

test('renderAnalysis counts what was dropped', () => {
  const text = renderAnalysis(
    { ...result, reducedVocabSize: 4008, droppedTokenCount: 100, droppedOccurrenceCount: 120 },
    noColors,
  );
  assert.match(text, /Used: 4,105 ids occur .*; 3 more rows are kept/);
  assert.match(text, /Lossy: 100 used ids \(120 occurrences\) were dropped/);
});
