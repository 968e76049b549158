import type { EstimateMemoryResponse } from '@pemmican/contract/trainer';

import { formatBytes } from '../output/units.ts';
import { MEMORY_PARTS } from '../views/estimate-view.ts';
import { STAND_IN } from './palette.ts';
import { GRID, LEGEND, axis, renderPlot } from './plot.ts';
import type { MeasuredMemoryReport } from './report.ts';

/** A phase narrower than this share of the plot gets no label: it would run into its neighbour's. */
const LABEL_SHARE_PER_CHARACTER = 0.0125;

/** Memory of a training step by what it is for, with every row and with the kept rows. */
export function memoryPartsPlot(estimate: EstimateMemoryResponse): string {
  const rows = [
    { name: 'reduced', memory: estimate.reduced?.memory },
    { name: 'full', memory: estimate.full?.memory },
  ].flatMap(({ name, memory }) => (memory === undefined ? [] : [{ name, memory }]));
  return renderPlot(
    {
      legend: LEGEND,
      grid: { ...GRID, left: 72, right: 84, top: 40 },
      xAxis: { type: 'value', ...axis('', formatBytes, { min: 0, splitNumber: 4 }) },
      yAxis: {
        type: 'category',
        data: rows.map((row) => row.name),
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: STAND_IN.ink, fontSize: 13 },
      },
      series: [
        ...MEMORY_PARTS.map(([name, field]) => ({
          name,
          type: 'bar',
          stack: 'memory',
          barWidth: 44,
          itemStyle: { color: STAND_IN[name], borderColor: STAND_IN.surface, borderWidth: 1 },
          data: rows.map((row) => row.memory[field]),
        })),
        {
          // The sum stands at the end of each bar.
          type: 'bar',
          stack: 'memory',
          silent: true,
          itemStyle: { color: 'transparent' },
          label: {
            show: true,
            position: 'right',
            color: STAND_IN.ink,
            fontSize: 13,
            fontWeight: 600,
            formatter: (item: { dataIndex: number }) => formatBytes(rows[item.dataIndex]?.memory.peakBytes ?? 0),
          },
          data: rows.map(() => 0),
        },
      ],
    },
    230,
  );
}

/** Memory while the run went, with its phases as bands. */
export function memoryTimePlot(measured: MeasuredMemoryReport): string {
  const { samples } = measured;
  const scale = 1000;
  const endMs = samples.at(-1)?.timeMs ?? 0;
  const isGpu = samples.some((sample) => sample.deviceUsedBytes !== undefined);
  return renderPlot({
    ...(isGpu ? { legend: LEGEND } : {}),
    grid: { ...GRID, top: isGpu ? 60 : 40 },
    xAxis: {
      type: 'value',
      ...axis('seconds', String, {
        nameGap: 30,
        min: 0,
        max: Math.max(1, Math.ceil(endMs / scale)),
        splitLine: { show: false },
      }),
    },
    yAxis: { type: 'value', ...axis('', formatBytes, { min: 0, splitNumber: 4 }) },
    series: [
      {
        ...lineLook(STAND_IN.accent),
        name: 'process',
        areaStyle: { color: STAND_IN.accentSoft, opacity: 0.3 },
        data: samples.map((sample) => [sample.timeMs / scale, sample.processBytes]),
        markArea: { silent: true, data: phaseBands(measured, endMs, scale) },
      },
      ...(isGpu
        ? [
            {
              ...lineLook(STAND_IN.contrast),
              name: 'GPU',
              data: samples.map((sample) => [sample.timeMs / scale, sample.deviceUsedBytes ?? null]),
            },
          ]
        : []),
    ],
  });
}

function lineLook(color: string): object {
  return { type: 'line', showSymbol: false, lineStyle: { color, width: 1.5 }, itemStyle: { color } };
}

function phaseBands(measured: MeasuredMemoryReport, endMs: number, scale: number): object[] {
  return measured.phases.map((phase, index) => {
    const phaseEnd = measured.phases[index + 1]?.startMs ?? endMs;
    const share = (phaseEnd - phase.startMs) / Math.max(1, endMs);
    return [
      {
        xAxis: phase.startMs / scale,
        itemStyle: { color: index % 2 === 0 ? STAND_IN.band : 'transparent' },
        label: {
          show: share > LABEL_SHARE_PER_CHARACTER * phase.phase.length,
          position: 'top',
          distance: 6,
          formatter: phase.phase,
          color: STAND_IN.muted,
          fontSize: 11,
        },
      },
      { xAxis: phaseEnd / scale },
    ];
  });
}
