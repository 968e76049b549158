import type { AnalysisResult, SplitUsage } from '@pemmican/contract/vocabulary';

import { splitName } from '../output/evaluation.ts';
import type { Colors } from '../output/output.ts';
import { formatTable } from '../output/table.ts';
import { formatBytes, formatCount, formatPercent } from '../output/units.ts';

/** Shares of all occurrences that the coverage line names. */
const COVERAGE_LEVELS = [0.5, 0.9, 0.99] as const;

/** What an analysis found, for people. */
export function renderAnalysis(result: AnalysisResult, colors: Colors): string {
  const rowShare = result.reducedVocabSize / result.fullVocabSize;
  const lines = [
    colors.bold('Vocabulary'),
    formatTable(
      ['', 'full', 'reduced', 'share'],
      [
        [
          'embedding rows',
          formatCount(result.fullVocabSize),
          formatCount(result.reducedVocabSize),
          formatPercent(rowShare),
        ],
        [
          'embedding memory in training',
          formatBytes(result.fullEmbeddingTrainingBytes),
          formatBytes(result.reducedEmbeddingTrainingBytes),
          formatPercent(result.reducedEmbeddingTrainingBytes / result.fullEmbeddingTrainingBytes),
        ],
      ],
    ),
    '',
    colors.bold('Records'),
    renderSplits(result.splits),
  ];
  const notes = [
    describeRows(result),
    ...describeAdditions(result.splits),
    describeCoverage(result),
    describeCuts(result),
  ];
  const said = notes.filter((note) => note !== '');
  if (said.length > 0) lines.push('', ...said);
  if (result.droppedTokenCount > 0) {
    lines.push(
      '',
      colors.yellow(
        `Lossy: ${formatCount(result.droppedTokenCount)} used ids (${formatCount(result.droppedOccurrenceCount)} occurrences) were dropped and map to the unknown token.`,
      ),
    );
  }
  return lines.join('\n');
}

function renderSplits(splits: readonly SplitUsage[]): string {
  return formatTable(
    [
      'split',
      'records',
      'skipped',
      'tokens',
      'distinct ids',
      'new ids',
      'truncated',
      'tokens a record p50/p90/p99/max',
    ],
    splits.map((usage) => [
      splitName(usage.split),
      formatCount(usage.recordCount),
      formatCount(usage.skippedRecordCount),
      formatCount(usage.tokenCount),
      formatCount(usage.distinctTokenCount),
      formatCount(usage.addedTokenCount),
      formatShare(usage.truncatedRecordCount, usage.recordCount),
      [usage.tokensPerRecordP50, usage.tokensPerRecordP90, usage.tokensPerRecordP99, usage.tokensPerRecordMax].join(
        '/',
      ),
    ]),
  );
}

/** A count with its share of a whole: `145 (14.5 %)`. */
function formatShare(count: number, whole: number): string {
  return count === 0 ? '0' : `${formatCount(count)} (${formatPercent(count / whole)})`;
}

/** Ids that occur, and rows that are kept besides. */
function describeRows(result: AnalysisResult): string {
  const usedCount = result.splits.reduce((sum, { addedTokenCount }) => sum + addedTokenCount, 0);
  const extraCount = result.reducedVocabSize - (usedCount - result.droppedTokenCount);
  const used = `Used: ${formatCount(usedCount)} ids occur (${formatPercent(usedCount / result.fullVocabSize)} of the vocabulary)`;
  return extraCount > 0
    ? `${used}; ${formatCount(extraCount)} more ${extraCount === 1 ? 'row is' : 'rows are'} kept for special and named tokens and padding.`
    : `${used}.`;
}

/** What every split after the first adds to those before it. */
function describeAdditions(splits: readonly SplitUsage[]): string[] {
  return splits.slice(1).map(({ split, addedTokenCount, distinctTokenCount }, index) => {
    const before = splits.slice(0, index + 1).map((earlier) => splitName(earlier.split));
    return `Added: ${splitName(split)} has ${formatCount(addedTokenCount)} ids that ${before.join(' and ')} ${before.length === 1 ? 'has' : 'have'} not (${formatPercent(addedTokenCount / distinctTokenCount)} of its own).`;
  });
}

/** Says that cut records count by what is left of them. */
function describeCuts({ splits }: AnalysisResult): string {
  const cutCount = splits.reduce((sum, { truncatedRecordCount }) => sum + truncatedRecordCount, 0);
  const recordCount = splits.reduce((sum, usage) => sum + usage.recordCount, 0);
  if (cutCount === 0) return '';
  // Sources and targets are cut each by itself.
  if (splits.some(({ tokensPerTargetMax }) => tokensPerTargetMax > 0))
    return `Truncated: ${formatShare(cutCount, 2 * recordCount)} of all sources and targets are longer than --max-source-length or --max-target-length; what is cut off does not count.`;
  return `Truncated: ${formatShare(cutCount, recordCount)} of all records are longer than --max-seq-length; what is cut off does not count.`;
}

/** How few ids make up most of the text. */
function describeCoverage(result: AnalysisResult): string {
  const parts = COVERAGE_LEVELS.flatMap((level) => {
    const point = result.coverage.find((candidate) => candidate.coverage >= level);
    return point === undefined ? [] : [`${formatCount(point.tokenCount)} ids make up ${formatPercent(level, 0)}`];
  });
  return parts.length === 0 ? '' : `Coverage: ${parts.join(', ')} of all tokens.`;
}
