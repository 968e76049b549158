import { formatBytes, formatCount, formatDuration, formatMetric, formatPercent } from '../output/units.ts';
import { headlineMetric } from '../output/evaluation.ts';
import { PEAK_NOTE } from '../views/estimate-view.ts';
import { STYLE } from './style.ts';
import type { Html } from './html.ts';
import { html, trusted } from './html.ts';
import { memoryPartsPlot, memoryTimePlot } from './memory-plots.ts';
import {
  evaluationTable,
  measuredTable,
  memoryTable,
  optionsList,
  splitsTable,
  timingsTable,
} from './report-tables.ts';
import { describeBatchSize } from './batch-size.ts';
import type { Report } from './report.ts';
import { trainingMemorySaved } from './saved.ts';
import { RESTRICTED_SOFTMAX_WARNING } from './summary.ts';
import { lossPlot } from './training-plots.ts';
import { coveragePlot, rankFrequencyPlot } from './vocabulary-plots.ts';

/** `report.html`: one file that opens offline; it refers to nothing outside itself. */
export function renderReportPage(report: Report): string {
  const name = lastPart(report.model);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>${name}: fine-tuning report</title>
        <style>
          ${trusted(STYLE)}
        </style>
      </head>
      <body>
        <main>
          <header>
            <h1>${name}, fine-tuned</h1>
            <p class="lead">${describeRun(report)}</p>
          </header>
          <section class="tiles">${tiles(report)}</section>
          <section class="cards">
            ${memoryCards(report)} ${trainingCards(report)} ${vocabularyCards(report)} ${detailCards(report)}
          </section>
          <footer>
            <p>
              Made by pemmican ${report.pemmicanVersion} on ${report.createTime.slice(0, 16).replace('T', ' ')} UTC.
              Method: partial embedding matrix adaptation (Williams &amp; Aletras, arXiv 2309.08708).
            </p>
          </footer>
        </main>
      </body>
    </html> `;
  return page.text;
}

function describeRun(report: Report): string {
  const rows = report.vocabulary;
  const mode =
    report.mode === 'reduced' && rows !== null
      ? `Trained with the ${formatCount(rows.reducedVocabSize)} embedding rows that the data uses, then restored to all ${formatCount(rows.fullVocabSize)}.`
      : 'Ordinary fine-tuning with every embedding row.';
  return `${mode} ${formatCount(report.training.stepCount)} optimizer steps over ${formatCount(report.training.tokenCount)} tokens.${describeBatchSize(report.training)}${report.training.restrictedSoftmax ? ` ${RESTRICTED_SOFTMAX_WARNING}` : ''}`;
}

function tiles(report: Report): Html[] {
  const saved = trainingMemorySaved(report.estimate);
  const { before, after } = report.evaluation;
  const vocabulary = report.vocabulary;
  const totalMs = report.timings.reduce((sum, timing) => sum + timing.elapsedMs, 0);
  return [
    ...(saved === undefined
      ? []
      : [
          tile(
            'Training memory saved',
            formatBytes(saved.savedBytes),
            `${formatPercent(saved.share, 0)} of ${formatBytes(saved.fullBytes)} planned`,
          ),
        ]),
    ...(report.measured.processPeakBytes > 0
      ? [tile('Measured peak', formatBytes(report.measured.processPeakBytes), "the run's whole process")]
      : []),
    ...(vocabulary === null
      ? []
      : [
          tile(
            'Embedding rows',
            formatCount(vocabulary.reducedVocabSize),
            `of ${formatCount(vocabulary.fullVocabSize)} (${formatPercent(vocabulary.reducedVocabSize / vocabulary.fullVocabSize)})`,
          ),
        ]),
    ...(after === null
      ? []
      : [
          tile(
            headlineMetric(after).name,
            formatMetric(headlineMetric(after).value),
            before === null
              ? `on ${formatCount(after.recordCount)} records`
              : `${formatMetric(headlineMetric(before).value)} before training`,
          ),
        ]),
    tile('Time', formatDuration(totalMs), `${formatDuration(report.training.elapsedMs)} of it training`),
  ];
}

function tile(label: string, value: string, detail: string): Html {
  return html`<div class="tile">
    <div class="label">${label}</div>
    <div class="value">${value}</div>
    <div class="detail">${detail}</div>
  </div>`;
}

function memoryCards(report: Report): Html[] {
  const cards: Html[] = [];
  if (report.estimate?.full !== undefined) {
    const { batchSize, sequenceLength, targetLength } = report.estimate;
    const targets = targetLength > 0 ? ` and targets of ${formatCount(targetLength)}` : '';
    cards.push(
      card(
        'Memory by part',
        `Planned from the graph's own liveness: a step of ${formatCount(batchSize)} records of ${formatCount(sequenceLength)} tokens${targets}.`,
        plot(memoryPartsPlot(report.estimate)),
        memoryTable(report.estimate),
        html`<p class="note">${PEAK_NOTE}</p>`,
      ),
    );
  }
  if (report.measured.samples.length > 1) {
    const source =
      report.measured.source === 'NVML'
        ? `${report.measured.deviceName} (NVML)`
        : "resident bytes of the run's process (host)";
    cards.push(
      card('Memory over time', `Measured: ${source}.`, plot(memoryTimePlot(report.measured)), measuredTable(report)),
    );
  }
  return cards;
}

function trainingCards(report: Report): Html[] {
  const cards: Html[] = [];
  if (report.training.steps.length > 0) {
    cards.push(
      card(
        'Loss',
        'Mean loss of each optimizer step, and of the evaluation records.',
        plot(lossPlot(report.training, report.evaluation)),
      ),
    );
  }
  if (report.evaluation.all.length > 0) {
    const caption = report.verification === null ? 'Scores as training went.' : describeVerification(report);
    cards.push(card('Evaluation', caption, evaluationTable(report.evaluation)));
  }
  return cards;
}

function describeVerification(report: Report): string {
  const { verification } = report;
  if (verification === null) return '';
  const { subject, recordCount, maxAbsoluteDifference } = verification;
  const records = `on ${formatCount(recordCount)} records (largest difference ${maxAbsoluteDifference.toExponential(1)})`;
  if (subject === 'adapter')
    return `On the full model the adapter gives the logits that it gives on the reduced one, ${records}.`;
  const rows =
    verification.unusedRowFactor === 1
      ? 'Unused rows are byte-identical to the source.'
      : `Unused rows are decayed by ${verification.unusedRowFactor.toPrecision(6)}.`;
  return `The restored checkpoint gives the trained one's logits ${records}. ${rows}`;
}

function vocabularyCards(report: Report): Html[] {
  const { vocabulary } = report;
  if (vocabulary === null || vocabulary.rankFrequency.length === 0) return [];
  return [
    card(
      'Rank and frequency',
      'How often each token id occurs, most frequent first.',
      plot(rankFrequencyPlot(vocabulary)),
    ),
    card('Coverage', 'Share of the text that the most frequent token ids make up.', plot(coveragePlot(vocabulary))),
    wideCard('Records', 'Tokens are counted after truncation, special tokens included.', splitsTable(vocabulary)),
  ];
}

function detailCards(report: Report): Html[] {
  return [
    wideCard('Stages', '', timingsTable(report.timings)),
    wideCard('Options', '', optionsList(report)),
    wideCard('Command', '', html`<pre>${report.command}</pre>`),
  ];
}

function card(title: string, caption: string, ...content: readonly Html[]): Html {
  return html`<section class="card">
    <h2>${title}</h2>
    ${caption === '' ? '' : html`<p class="caption">${caption}</p>`}${content}
  </section> `;
}

function wideCard(title: string, caption: string, ...content: readonly Html[]): Html {
  return html`<section class="card wide">
    <h2>${title}</h2>
    ${caption === '' ? '' : html`<p class="caption">${caption}</p>`}${content}
  </section> `;
}

function plot(svg: string): Html {
  return html`<div class="plot">${trusted(svg)}</div>`;
}

function lastPart(location: string): string {
  return location.replace(/\/+$/, '').split(/[/:]/).at(-1) ?? location;
}
