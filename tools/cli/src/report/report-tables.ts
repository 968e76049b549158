import type { EstimateMemoryResponse } from '@pemmican/contract/trainer';

import { splitName } from '../output/evaluation.ts';
import { formatBytes, formatCount, formatDuration, formatMetric } from '../output/units.ts';
import { MEMORY_PARTS, formatSaved } from '../views/estimate-view.ts';
import type { Html } from './html.ts';
import { html } from './html.ts';
import type { EvaluationReport, Report, StageTiming, VocabularyReport } from './report.ts';

/** Memory by part, full beside reduced. */
export function memoryTable(estimate: EstimateMemoryResponse): Html {
  const full = estimate.full?.memory;
  const reduced = estimate.reduced?.memory;
  const row = (name: string, a: number | undefined, b: number | undefined, isTotal = false): Html =>
    html`<tr class="${isTotal ? 'total' : ''}">
      <td>${name}</td>
      <td>${bytes(a)}</td>
      <td>${bytes(b)}</td>
      <td>${formatSaved(a, b)}</td>
    </tr>`;
  return table(
    ['', 'full', 'reduced', 'saved'],
    [
      ...MEMORY_PARTS.map(([name, field]) => row(name, full?.[field], reduced?.[field])),
      row('peak', full?.peakBytes, reduced?.peakBytes, true),
      row('of it, embedding', full?.embeddingBytes, reduced?.embeddingBytes),
    ],
  );
}

/** Peaks of the phases, and the estimate beside the measurement. */
export function measuredTable(report: Report): Html {
  const { measured, estimate, training } = report;
  // The estimate was made for the batch size that was asked for.
  const estimated = training.batchSizeSearch === null ? estimate : null;
  const planned = (report.mode === 'reduced' ? estimated?.reduced : estimated?.full)?.memory ?? training.plannedMemory;
  const engineBytes = estimate?.engineBytes ?? 0;
  const peaks = new Map<string, number>();
  for (const { phase, peakBytes } of measured.phases) peaks.set(phase, Math.max(peaks.get(phase) ?? 0, peakBytes));
  const rows = [...peaks].map(
    ([phase, peak]) =>
      html`<tr>
        <td>${phase}</td>
        <td>${bytes(peak)}</td>
      </tr>`,
  );
  if (planned !== null) {
    const name = engineBytes > 0 ? 'estimate: tensors + engine' : 'estimate: tensors';
    rows.push(
      html`<tr>
        <td>${name}</td>
        <td>${bytes(planned.peakBytes + engineBytes)}</td>
      </tr>`,
    );
  }
  rows.push(
    html`<tr class="total">
      <td>measured peak of the process</td>
      <td>${bytes(measured.processPeakBytes)}</td>
    </tr>`,
  );
  if (measured.devicePeakBytes !== undefined) {
    rows.push(
      html`<tr class="total">
        <td>measured peak of the GPU</td>
        <td>${bytes(measured.devicePeakBytes)}</td>
      </tr>`,
    );
  }
  return table(['phase', 'peak'], rows);
}

/** Every evaluation, one a line. */
export function evaluationTable(evaluation: EvaluationReport): Html {
  const columns = [
    ['accuracy', 'accuracy'],
    ['exact match', 'exactMatch'],
    ['precision', 'precision'],
    ['recall', 'recall'],
    ['F1', 'f1'],
    ['Matthews', 'matthewsCorrelation'],
    ['Pearson', 'pearson'],
    ['Spearman', 'spearman'],
    ['perplexity', 'perplexity'],
  ] as const;
  const present = columns.filter(([, field]) => evaluation.all.some((entry) => entry[field] !== undefined));
  return table(
    ['step', 'split', 'records', 'loss', ...present.map(([name]) => name)],
    evaluation.all.map(
      (entry) =>
        html`<tr>
          <td>${entry.step === 0 ? 'before' : formatCount(entry.step)}</td>
          <td>${splitName(entry.split)}</td>
          <td>${formatCount(entry.recordCount)}</td>
          <td>${formatMetric(entry.loss)}</td>
          ${present.map(([, field]) => html`<td>${metric(entry[field])}</td>`)}
        </tr>`,
    ),
  );
}

/** What each split contributed. */
export function splitsTable(vocabulary: VocabularyReport): Html {
  return table(
    [
      'split',
      'records',
      'skipped',
      'tokens',
      'distinct ids',
      'new ids',
      'truncated',
      'tokens a record: p50',
      'p90',
      'p99',
      'max',
    ],
    vocabulary.splits.map(
      (usage) =>
        html`<tr>
          <td>${usage.split}</td>
          ${[
            usage.recordCount,
            usage.skippedRecordCount,
            usage.tokenCount,
            usage.distinctTokenCount,
            usage.addedTokenCount,
            usage.truncatedRecordCount,
            usage.tokensPerRecordP50,
            usage.tokensPerRecordP90,
            usage.tokensPerRecordP99,
            usage.tokensPerRecordMax,
          ].map((count) => html`<td>${formatCount(count)}</td>`)}
        </tr>`,
    ),
  );
}

/** How long each stage took. */
export function timingsTable(timings: readonly StageTiming[]): Html {
  const total = timings.reduce((sum, timing) => sum + timing.elapsedMs, 0);
  return table(
    ['stage', 'time'],
    [
      ...timings.map(
        (timing) =>
          html`<tr>
            <td>${timing.stage}${timing.isReused ? ' (done before the interruption)' : ''}</td>
            <td>${formatDuration(timing.elapsedMs)}</td>
          </tr>`,
      ),
      html`<tr class="total">
        <td>together</td>
        <td>${formatDuration(total)}</td>
      </tr>`,
    ],
  );
}

/** The options that made the result what it is. */
export function optionsList(report: Report): Html {
  const entries = Object.entries(report.options).filter(
    ([, value]) => value !== undefined && value !== '' && value !== false,
  );
  return html`<dl class="facts">
    ${entries.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${typeof value === 'string' ? value : JSON.stringify(value)}</dd>
        </div>`,
    )}
  </dl>`;
}

function table(header: readonly string[], rows: readonly Html[]): Html {
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${header.map((cell) => html`<th>${cell}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function bytes(value: number | undefined): string {
  return value === undefined || value === 0 ? '–' : formatBytes(value);
}

function metric(value: number | undefined): string {
  return value === undefined ? '' : formatMetric(value);
}
