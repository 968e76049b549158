import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BatchSizeSearch } from '@pemmican/contract/trainer';

import { renderReportPage } from '../src/report/report-page.ts';
import { summaryLines } from '../src/report/summary.ts';
import { sampleReport } from './sample-report.ts';

test('renderReportPage draws five plots and refers to nothing outside itself', () => {
  const page = renderReportPage(sampleReport());
  assert.equal(page.match(/<svg /g)?.length, 5);
  const headings = [...page.matchAll(/<h2>([^<]*)<\/h2>/g)].map((match) => match[1]);
  assert.deepEqual(headings, [
    'Memory by part',
    'Memory over time',
    'Loss',
    'Evaluation',
    'Rank and frequency',
    'Coverage',
    'Records',
    'Stages',
    'Options',
    'Command',
  ]);
  // Namespaces are names; nothing else may look like an address.
  const addresses = page.replaceAll(/xmlns(?::\w+)?="[^"]*"/g, '').match(/(?:https?:)?\/\/[a-z0-9.]+/gi) ?? [];
  assert.deepEqual(addresses, []);
  assert.ok(!/<script|<link|<img|@import|url\((?!#)/.test(page));
  assert.ok(!/NaN|undefined|Infinity/.test(page));
});

test('renderReportPage escapes what comes from outside', () => {
  const page = renderReportPage({ ...sampleReport(), model: '/x/<script>alert(1)</script>', command: '"><img src=x>' });
  assert.ok(!page.includes('<script'));
  assert.ok(!page.includes('<img'));
});

test('renderReportPage says how the batch size was found', () => {
  const report = sampleReport();
  const batchSizeSearch = BatchSizeSearch.fromPartial({
    askedBatchSize: 16, limitSource: 2, limitBytes: 2e9, tensorLimitBytes: 1.6e9, plannedPeakBytes: 1.5e9, refusedBatchSize: 8, refusedPeakBytes: 2.5e9,
  }); // prettier-ignore
  const sizes = { perDeviceTrainBatchSize: 4, gradientAccumulationSteps: 4 };
  const page = renderReportPage({ ...report, training: { ...report.training, ...sizes, batchSizeSearch } });
  const text =
    'Micro-batches of 4 records in place of 16, 4 a step, planned at 1.50 GB: 8 would take 2.50 GB, more than the 1.60 GB that --memory (2.00 GB) leaves to tensors.';
  assert.ok(page.includes(text));
  assert.ok(!renderReportPage(report).includes('Micro-batches'));
});

test('renderReportPage does without what a run does not have', () => {
  const report = sampleReport();
  const page = renderReportPage({
    ...report,
    mode: 'full',
    vocabulary: null,
    estimate: null,
    verification: null,
    measured: { ...report.measured, samples: [], phases: [] },
    evaluation: { before: null, after: null, all: [] },
  });
  assert.equal(page.match(/<svg /g)?.length, 1);
});

test('summaryLines says what was saved and that the accuracy held', () => {
  const [saved, score] = summaryLines(sampleReport());
  assert.equal(
    saved,
    'Saved: 1.60 GB of 2.81 GB training memory (57 %), embedding rows 250,037 → 3,016, measured process peak 1.48 GB.',
  );
  assert.equal(
    score,
    'Accuracy: 0.8120 (before 0.5000) on 1,000 validation records; restored model verified, unused rows byte-identical.',
  );
  const report = sampleReport();
  const verification = { ...report.verification!, subject: 'adapter' as const };
  assert.match(summaryLines({ ...report, verification })[1], / records; adapter verified on the full model\.$/);
  const limited = { ...verification, maxAbsoluteDifference: 1.5e-6 };
  assert.match(
    renderReportPage({ ...report, verification: limited }),
    /On the full model the adapter gives the logits that it gives on the reduced one, on 64 records \(largest difference 1\.5e-6\)\./,
  );
});
