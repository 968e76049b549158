import { headlineMetric, splitName } from '../output/evaluation.ts';
import { formatBytes, formatCount, formatMetric, formatPercent } from '../output/units.ts';
import type { Report } from './report.ts';
import { trainingMemorySaved } from './saved.ts';

/** Said wherever losses of a restricted softmax are shown. */
export const RESTRICTED_SOFTMAX_WARNING =
  'Warning: the softmax ran over the kept rows only. Losses and gradients are not those of training over the full vocabulary.';

/** What a run has to say in two lines: what was saved, and that the accuracy held. */
export function summaryLines(report: Report): readonly [string, string] {
  return [savedLine(report), scoreLine(report)];
}

function savedLine(report: Report): string {
  const { vocabulary, measured } = report;
  const peak = measuredPeak(measured);
  const saved = trainingMemorySaved(report.estimate);
  if (report.mode === 'full' || saved === undefined || vocabulary === null) {
    return `Memory: ordinary fine-tuning with every embedding row${peak}.`;
  }
  return (
    `Saved: ${formatBytes(saved.savedBytes)} of ${formatBytes(saved.fullBytes)} training memory (${formatPercent(saved.share, 0)}), ` +
    `embedding rows ${formatCount(vocabulary.fullVocabSize)} → ${formatCount(vocabulary.reducedVocabSize)}${peak}.`
  );
}

/** Where there is a GPU, its memory is what is short. */
function measuredPeak({ devicePeakBytes, processPeakBytes }: Report['measured']): string {
  if (devicePeakBytes !== undefined) return `, measured GPU peak ${formatBytes(devicePeakBytes)}`;
  return processPeakBytes > 0 ? `, measured process peak ${formatBytes(processPeakBytes)}` : '';
}

function scoreLine(report: Report): string {
  const { before, after } = report.evaluation;
  const verified = describeVerification(report);
  if (after === null) return `Final training loss: ${formatMetric(report.training.finalLoss)}${verified}.`;
  const metric = headlineMetric(after);
  const earlier = before === null ? '' : ` (before ${formatMetric(headlineMetric(before).value)})`;
  return `${metric.name}: ${formatMetric(metric.value)}${earlier} on ${formatCount(after.recordCount)} ${splitName(after.split)} records${verified}.`;
}

function describeVerification({ verification }: Report): string {
  if (verification === null) return '';
  if (verification.subject === 'adapter') return '; adapter verified on the full model';
  const rows = verification.unusedRowFactor === 1 ? ', unused rows byte-identical' : '';
  return `; restored model verified${rows}`;
}
