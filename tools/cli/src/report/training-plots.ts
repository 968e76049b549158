import { headlineMetric } from '../output/evaluation.ts';
import { formatMetric } from '../output/units.ts';
import { STAND_IN } from './palette.ts';
import { GRID, LEGEND, axis, renderPlot } from './plot.ts';
import type { EvaluationReport, TrainingReport } from './report.ts';

/** More labelled points than this would run into each other. */
const MAX_LABELLED_POINTS = 8;

/** Weight of a step in the smoothed curve falls to 1/e over this share of the run. */
const SMOOTHING_SHARE = 0.03;

/** Loss of every step, smoothed, with the evaluations' loss as points. */
export function lossPlot(training: TrainingReport, evaluation: EvaluationReport): string {
  const raw = training.steps.map((point) => [point.step, point.loss] as const);
  const evaluations = evaluation.all;
  const hasLabels = evaluations.length <= MAX_LABELLED_POINTS;
  return renderPlot({
    legend: LEGEND,
    grid: { ...GRID, top: 44, right: 36 },
    xAxis: {
      type: 'value',
      ...axis('optimizer step', (value) => String(value), {
        nameGap: 30,
        min: 0,
        max: Math.max(1, training.stepCount),
        splitLine: { show: false },
      }),
    },
    yAxis: { type: 'value', ...axis('loss', (value) => String(value), { nameGap: 44, min: 0, splitNumber: 4 }) },
    series: [
      {
        name: 'each step',
        type: 'line',
        showSymbol: false,
        lineStyle: { color: STAND_IN.accentSoft, width: 1.5 },
        itemStyle: { color: STAND_IN.accentSoft },
        data: raw,
      },
      {
        name: 'training, smoothed',
        type: 'line',
        showSymbol: false,
        lineStyle: { color: STAND_IN.accent, width: 2 },
        itemStyle: { color: STAND_IN.accent },
        data: smooth(raw),
      },
      {
        name: 'evaluation',
        type: 'scatter',
        symbolSize: 9,
        z: 5,
        itemStyle: { color: STAND_IN.contrast },
        label: {
          show: hasLabels,
          position: 'top',
          distance: 7,
          color: STAND_IN.ink,
          fontSize: 12,
          backgroundColor: STAND_IN.surface,
          padding: [2, 4],
          borderRadius: 3,
        },
        data: evaluations.map((entry) => {
          const headline = headlineMetric(entry);
          return {
            value: [entry.step, entry.loss],
            label: {
              formatter: `${headline.name.toLowerCase()} ${formatMetric(headline.value).slice(0, 5)}`,
              // At the plot's edges a centred label would be cut off.
              align: entry.step === 0 ? 'left' : entry.step >= training.stepCount ? 'right' : 'center',
            },
          };
        }),
      },
    ],
  });
}

/** Exponential moving average, corrected for its start as Adam's moments are. */
function smooth(points: readonly (readonly [number, number])[]): [number, number][] {
  const decay = Math.exp(-1 / Math.max(1, points.length * SMOOTHING_SHARE));
  let average = 0;
  let weight = 0;
  return points.map(([step, loss]) => {
    if (Number.isFinite(loss)) {
      average = decay * average + (1 - decay) * loss;
      weight = decay * weight + (1 - decay);
    }
    return [step, weight === 0 ? loss : average / weight];
  });
}
