import { html, trusted, type Html } from '@pemmican/cli/html';
import { STAND_IN } from '@pemmican/cli/palette';
import { axis, renderPlot } from '@pemmican/cli/plot';
import { askedExpression, legendOf, type Dashboard, type Panel } from './dashboard.ts';
import { queryRange } from './prometheus-client.ts';
import type { TimeRange } from './time-range.ts';
import { formatValue } from './units.ts';

/** Width of a column of 24, in a plot's own units; the page scales them. */
const COLUMN_WIDTH = 60;
const ROW_HEIGHT = 26;
const SPARKLINE_HEIGHT = 44;
const MAX_TIME_MARKS = 6;
const COLORS = [
  STAND_IN.accent,
  STAND_IN.contrast,
  STAND_IN.gradients,
  STAND_IN.activations,
  STAND_IN.weights,
  STAND_IN.workspace,
] as const;

interface NamedSeries {
  readonly name: string;
  readonly color: string;
  readonly values: readonly (number | null)[];
}

/** Asks for what a panel shows and draws it. What goes wrong is told in its place. */
export async function renderPanel(
  dashboard: Dashboard,
  panel: Panel,
  range: TimeRange,
  prometheusUrl: string,
): Promise<Html> {
  const { x, w } = panel.gridPos;
  const body = await askSeries(dashboard, panel, range, prometheusUrl).then(
    (series) => {
      if (series.length === 0) return html`<p class="note">No data</p>`;
      return panel.type === 'stat' ? renderStat(panel, series) : renderLines(panel, series, range);
    },
    (error: Error) => html`<p class="note">${error.message}</p>`,
  );
  return html`<section class="card" style="grid-column:${x + 1}/span ${w}">
    <h2>${panel.title}</h2>
    <p class="caption">${panel.description}</p>
    ${body}
  </section>`;
}

async function askSeries(
  dashboard: Dashboard,
  { targets }: Panel,
  range: TimeRange,
  prometheusUrl: string,
): Promise<NamedSeries[]> {
  const found = await Promise.all(
    targets.map(async ({ expr, legendFormat }) => {
      const asked = askedExpression(dashboard, expr, range.rateIntervalSeconds);
      const series = await queryRange(prometheusUrl, asked, range);
      return series.map(({ labels, values }) => ({ name: legendOf(legendFormat, labels), values }));
    }),
  );
  return found
    .flat()
    .filter(({ values }) => values.some((value) => value !== null))
    .map((series, index) => ({ ...series, color: COLORS[index % COLORS.length] ?? STAND_IN.accent }));
}

/** The latest value of each series, and its way there. */
function renderStat({ gridPos, fieldConfig }: Panel, series: readonly NamedSeries[]): Html {
  const { unit } = fieldConfig.defaults;
  const values = series.map(({ name, values: points }) => {
    const last = points.findLast((value) => value !== null) ?? 0;
    return html`<p class="value">${formatValue(unit, last)} ${series.length > 1 && html`<small>${name}</small>`}</p>`;
  });
  const plot = renderPlot(
    {
      grid: { left: 2, right: 2, top: 4, bottom: 2 },
      xAxis: { type: 'category', show: false, boundaryGap: false },
      yAxis: { type: 'value', show: false, min: 0 },
      series: series.map((each) => ({ ...line(each, each.values), areaStyle: { color: each.color, opacity: 0.15 } })),
    },
    SPARKLINE_HEIGHT,
    gridPos.w * COLUMN_WIDTH,
  );
  return html`${values}
    <div class="plot">${trusted(plot)}</div>`;
}

function renderLines({ gridPos, fieldConfig }: Panel, series: readonly NamedSeries[], range: TimeRange): Html {
  const { unit, min, max, decimals } = fieldConfig.defaults;
  const plot = renderPlot(
    {
      grid: { left: 8, right: 20, top: 12, bottom: 8, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      xAxis: {
        type: 'time',
        min: range.start * 1000,
        max: range.end * 1000,
        ...axis('', () => '', { splitLine: { show: false } }),
        splitNumber: Math.min(MAX_TIME_MARKS, Math.ceil(gridPos.w / 2)),
        axisLabel: { color: STAND_IN.muted, fontSize: 12, hideOverlap: true, formatter: timeFormat(range) },
      },
      yAxis: {
        type: 'value',
        ...axis('', (value) => formatValue(unit, value), {
          splitNumber: 4,
          min,
          max,
          minInterval: decimals === 0 ? 1 : 0,
        }),
        // A loss that goes from 0.7 to 0.5 is seen best between them; what begins at zero says so by its values.
        scale: true,
      },
      series: series.map((each) =>
        line(
          each,
          each.values.map((value, index) => [(range.start + index * range.stepSeconds) * 1000, value]),
        ),
      ),
    },
    gridPos.h * ROW_HEIGHT,
    gridPos.w * COLUMN_WIDTH,
  );
  return html`<div class="plot">${trusted(plot)}</div>
    <ul class="legend plot">
      ${series.map(
        ({ name, color }) =>
          html`<li>
            <svg width="14" height="4"><rect width="14" height="4" fill="${color}" /></svg>${name}
          </li>`,
      )}
    </ul>`;
}

/** As exact as the axis' marks may be. */
function timeFormat({ start, end }: TimeRange): string {
  const seconds = end - start;
  if (seconds < 300) return '{HH}:{mm}:{ss}';
  return seconds > 86_400 ? '{MM}-{dd}' : '{HH}:{mm}';
}

function line({ name, color, values }: NamedSeries, data: readonly unknown[]): object {
  return {
    name,
    type: 'line',
    // A value that stands alone has no line through it.
    showSymbol: values.filter((value) => value !== null).length === 1,
    symbolSize: 6,
    lineStyle: { color, width: 2 },
    itemStyle: { color },
    data,
  };
}
