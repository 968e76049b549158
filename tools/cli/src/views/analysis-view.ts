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
  const coverage = describeCoverage(result);
  if (coverage !== '') lines.push('', coverage);
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
      formatCount(usage.truncatedRecordCount),
      [usage.tokensPerRecordP50, usage.tokensPerRecordP90, usage.tokensPerRecordP99, usage.tokensPerRecordMax].join(
        '/',
      ),
    ]),
  );
}

/** How few ids make up most of the text. */
function describeCoverage(result: AnalysisResult): string {
  const parts = COVERAGE_LEVELS.flatMap((level) => {
    const point = result.coverage.find((candidate) => candidate.coverage >= level);
    return point === undefined ? [] : [`${formatCount(point.tokenCount)} ids make up ${formatPercent(level, 0)}`];
  });
  return parts.length === 0 ? '' : `Coverage: ${parts.join(', ')} of all tokens.`;
}
