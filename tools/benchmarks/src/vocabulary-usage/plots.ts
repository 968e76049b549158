import { paletteCss, STAND_IN } from '@pemmican/cli/palette';
import { axis, LEGEND, renderPlot } from '@pemmican/cli/plot';
import { formatCount, formatPercent } from '@pemmican/cli/units';
import { cellsOf, median, modelsOfTokenizers, type Cell, type Results } from './results.ts';

const ROW_HEIGHT = 38;
const FRAME_HEIGHT = 104;

interface StripPlot {
  readonly axisName: string;
  readonly xAxis: object;
  /** From the top down. */
  readonly rows: readonly { readonly label: string; readonly cells: readonly Cell[] }[];
  readonly value: (cell: Cell) => number;
  readonly formatMedian: (share: number) => string;
}

/** One row a model, one dot a data set, a line at the median. */
function stripPlot({ axisName, xAxis, rows, value, formatMedian }: StripPlot): string {
  const dots = (isMultilingual: boolean): (readonly [number, number])[] =>
    rows.flatMap(({ cells }, row) =>
      cells
        .filter(({ dataSet }) => (dataSet.isMultilingual ?? false) === isMultilingual)
        .map((cell) => [100 * value(cell), row] as const),
    );
  const series = (name: string, color: string, isMultilingual: boolean): object => ({
    name,
    type: 'scatter',
    symbolSize: 10,
    itemStyle: { color, opacity: 0.75 },
    data: dots(isMultilingual),
  });
  return withTheme(
    renderPlot(
      {
        backgroundColor: STAND_IN.surface,
        legend: {
          ...LEGEND,
          top: 12,
          left: 150,
          icon: 'circle',
          data: ['English or code', 'other languages', 'median'],
        },
        grid: { left: 158, right: 40, top: 48, bottom: 56 },
        xAxis: { ...axis(axisName, (percent) => `${percent} %`, { nameGap: 32 }), ...xAxis },
        yAxis: {
          type: 'category',
          inverse: true,
          data: rows.map(({ label }) => label),
          axisLine: { show: false },
          axisTick: { show: false },
          splitLine: { show: true, lineStyle: { color: STAND_IN.grid } },
          axisLabel: { color: STAND_IN.ink, fontSize: 12, lineHeight: 15 },
        },
        series: [
          series('English or code', STAND_IN.accent, false),
          series('other languages', STAND_IN.contrast, true),
          {
            name: 'median',
            type: 'scatter',
            symbol: 'rect',
            symbolSize: [3, 22],
            itemStyle: { color: STAND_IN.ink },
            label: { show: true, position: 'top', distance: 0, color: STAND_IN.ink, fontSize: 11, fontWeight: 600 },
            data: rows.map(({ cells }, row) => {
              const middle = median(cells.map(value));
              return { value: [100 * middle, row], label: { formatter: formatMedian(middle) } };
            }),
          },
        ],
      },
      FRAME_HEIGHT + ROW_HEIGHT * rows.length,
    ),
  );
}

/** Colours of the reader's theme in a file of its own, on a ground of its own: pages around it may be light or dark. */
export function withTheme(svg: string): string {
  const end = svg.indexOf('>');
  if (!svg.startsWith('<svg ') || end < 0) throw new TypeError('Unreachable: a plot that is no SVG element');
  return `${svg.slice(0, end)} class="plot">\n<style>${paletteCss()}</style>${svg.slice(end + 1)}\n`;
}

/** Which share of each vocabulary each data set uses. */
export function sharePlot(results: Results): string {
  const cells = cellsOf(results);
  return stripPlot({
    axisName: 'rows of the embedding matrix that are used; one dot a data set',
    xAxis: { type: 'log', min: 0.1, max: 100 },
    rows: modelsOfTokenizers(results).map((model) => ({
      label: `${model.name}\n${formatCount(model.vocabSize)} rows`,
      cells: cells.filter((cell) => cell.model === model),
    })),
    value: (cell) => cell.usedShare,
    formatMedian: (share) => formatPercent(share),
  });
}

/** Which share of each model's weights, gradients and moments is saved, the largest first. */
export function memoryPlot(results: Results): string {
  const cells = cellsOf(results);
  const models = [...new Set(cells.map(({ model }) => model))];
  const rows = models.map((model) => ({
    label: `${model.name}\n${formatParameters(model.parameterCount)} parameters`,
    cells: cells.filter((cell) => cell.model === model),
  }));
  const middle = (row: (typeof rows)[number]): number => median(row.cells.map(({ savedShare }) => savedShare));
  return stripPlot({
    axisName: 'weights, gradients and Adam moments that are saved; one dot a data set',
    xAxis: { type: 'value', min: 0, max: 100 },
    rows: rows.sort((a, b) => middle(b) - middle(a)),
    value: (cell) => cell.savedShare,
    formatMedian: (share) => formatPercent(share, share < 0.1 ? 1 : 0),
  });
}

/** `22.7M`, `7.11B`. */
export function formatParameters(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(2)}B` : `${(count / 1e6).toFixed(count >= 99.95e6 ? 0 : 1)}M`;
}
