import { formatCount } from '../output/units.ts';
import { STAND_IN } from './palette.ts';
import { GRID, axis, renderPlot } from './plot.ts';
import type { VocabularyReport } from './report.ts';

/** Shares of all occurrences that the coverage curve marks. */
const MARKED_SHARES = [0.5, 0.9, 0.99] as const;

/** How often the most frequent, the second most frequent, ... token id occurs. */
export function rankFrequencyPlot(vocabulary: VocabularyReport): string {
  return renderPlot({
    grid: GRID,
    xAxis: { type: 'log', ...axis('rank of the token id', shortCount, { nameGap: 30, min: 1 }) },
    yAxis: { type: 'log', ...axis('occurrences', shortCount, { nameGap: 48, min: 1 }) },
    series: [
      {
        type: 'line',
        showSymbol: false,
        lineStyle: { color: STAND_IN.accent, width: 2 },
        itemStyle: { color: STAND_IN.accent },
        data: vocabulary.rankFrequency.map((point) => [point.rank, point.count]),
      },
    ],
  });
}

/** Which share of the text the most frequent token ids make up. */
export function coveragePlot(vocabulary: VocabularyReport): string {
  const points = vocabulary.coverage;
  const marks = MARKED_SHARES.flatMap((share) => {
    const point = points.find((candidate) => candidate.coverage >= share);
    return point === undefined ? [] : [{ share, point }];
  });
  return renderPlot({
    grid: GRID,
    xAxis: { type: 'log', ...axis('most frequent token ids', shortCount, { nameGap: 30, min: 1 }) },
    yAxis: {
      type: 'value',
      ...axis('share of all tokens', (value) => `${Math.round(value * 100)} %`, { nameGap: 48, min: 0, max: 1 }),
    },
    series: [
      {
        type: 'line',
        showSymbol: false,
        lineStyle: { color: STAND_IN.accent, width: 2 },
        itemStyle: { color: STAND_IN.accent },
        areaStyle: { color: STAND_IN.accentSoft, opacity: 0.35 },
        data: points.map((point) => [point.tokenCount, point.coverage]),
      },
      {
        type: 'scatter',
        symbolSize: 8,
        itemStyle: { color: STAND_IN.contrast },
        label: { show: true, position: 'left', distance: 8, color: STAND_IN.ink, fontSize: 12 },
        data: marks.map(({ share, point }) => ({
          value: [point.tokenCount, point.coverage],
          label: { formatter: `${formatCount(point.tokenCount)} ids: ${Math.round(share * 100)} %` },
        })),
      },
    ],
  });
}

/** `1`, `10`, `1k`, `100k`, `1M`: tick labels of a logarithmic axis. */
function shortCount(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 1e3 ? `${value / 1e3}k` : String(value);
}
