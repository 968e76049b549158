import type { EChartsCoreOption } from 'echarts/core';
import { BarChart, LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

import { STAND_IN } from './palette.ts';

use([
  BarChart,
  LineChart,
  ScatterChart,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  SVGRenderer,
]);

/** Width of the report's plots in their own units; the page scales them. */
export const PLOT_WIDTH = 640;
const FONT = 'ui-sans-serif, system-ui, sans-serif';

/** Renders a plot to an SVG element without a browser. */
export function renderPlot(option: EChartsCoreOption, height = 300, width: number = PLOT_WIDTH): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: 'transparent',
      textStyle: { fontFamily: FONT, color: STAND_IN.ink },
      ...option,
    });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

/** Look of an axis that shows values. */
export function axis(name: string, formatter: (value: number) => string, extra: object = {}): object {
  return {
    name,
    nameLocation: 'middle',
    nameTextStyle: { color: STAND_IN.muted, fontSize: 12 },
    axisLine: { show: true, lineStyle: { color: STAND_IN.grid } },
    axisTick: { show: false },
    minorTick: { show: false },
    splitLine: { show: true, lineStyle: { color: STAND_IN.grid, width: 1 } },
    axisLabel: { color: STAND_IN.muted, fontSize: 12, formatter, hideOverlap: true },
    ...extra,
  };
}

/** Space around a plot's grid: labels and axis names fit in it. */
export const GRID = { left: 68, right: 24, top: 28, bottom: 52 } as const;

/** Look of a legend below the plot's title. */
export const LEGEND = {
  top: 0,
  left: 8,
  itemWidth: 14,
  itemHeight: 10,
  itemGap: 26,
  icon: 'roundRect',
  textStyle: { color: STAND_IN.muted, fontSize: 12 },
} as const;
