import { formatBytes, formatCount, formatPercent } from '@pemmican/cli/units';
import { MAX_SEQUENCE_LENGTH } from './count.ts';
import { formatParameters } from './plots.ts';
import { PUBLISHED_SHARES } from './published-shares.ts';
import { cellsOf, median, modelsOfTokenizers, type Cell, type Results } from './results.ts';

function table(header: readonly string[], rows: readonly (readonly string[])[], textColumns = 1): string {
  const rule = header.map((_, index) => (index < textColumns ? '---' : '---:'));
  return [header, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

// Three significant digits are enough to see what is small.
const percent = (share: number): string => formatPercent(share, share < 0.0995 ? 2 : 1);

/** A data set a row, a tokenizer a column. */
export function shareTable(results: Results): string {
  const cells = cellsOf(results);
  const models = modelsOfTokenizers(results);
  const find = (dataSet: string, model: string): Cell | undefined =>
    cells.find((cell) => cell.dataSet.name === dataSet && cell.model.name === model);
  const show = (cell: Cell | undefined): string => (cell === undefined ? '' : percent(cell.usedShare));
  return table(
    ['data set', ...models.map(({ name, vocabSize }) => `${name}, ${formatCount(vocabSize)}`)],
    [
      ...results.dataSets.map(({ name }) => [name, ...models.map((model) => show(find(name, model.name)))]),
      [
        '**median**',
        ...models.map(
          ({ name }) =>
            `**${percent(median(cells.filter(({ model }) => model.name === name).map(({ usedShare }) => usedShare)))}**`,
        ),
      ],
    ],
  );
}

/** A model a row: what is saved of its weights, gradients and moments. */
export function memoryTable(results: Results): string {
  const cells = cellsOf(results);
  const models = [...new Set(cells.map(({ model }) => model))];
  return table(
    [
      'model',
      'hidden size',
      'parameters',
      'of them, embedding',
      'training, 16 bytes a parameter',
      'saved: least',
      'median',
      'most',
    ],
    models.map((model) => {
      const own = cells.filter((cell) => cell.model === model);
      const shown = (share: number): string => `${formatBytes(share * 16 * model.parameterCount)} (${percent(share)})`;
      const shares = own.map(({ savedShare }) => savedShare);
      return [
        model.name,
        formatCount(model.hiddenSize),
        formatParameters(model.parameterCount),
        percent((model.vocabSize * model.hiddenSize) / model.parameterCount),
        formatBytes(16 * model.parameterCount),
        shown(Math.min(...shares)),
        shown(median(shares)),
        shown(Math.max(...shares)),
      ];
    }),
  );
}

export function dataSetTable({ dataSets, counts }: Results): string {
  return table(
    ['data set', 'what', 'from', 'terms', 'training', 'validation', 'text', `cut at ${MAX_SEQUENCE_LENGTH}`],
    dataSets.map(({ name, description, source, licence, recordCounts, textBytes }) => {
      // How many records are cut depends on the tokenizer.
      const cut = counts
        .filter(({ dataSet }) => dataSet === name)
        .map(({ truncatedRecordCount, recordCount }) => truncatedRecordCount / recordCount);
      return [
        name,
        description,
        source,
        licence,
        formatCount(recordCounts.train),
        formatCount(recordCounts.validation),
        formatBytes(textBytes),
        `${formatPercent(Math.min(...cut), 0)} to ${formatPercent(Math.max(...cut), 0)}`,
      ];
    }),
    4,
  );
}

/** Every model with every data set. */
export function cellTable(results: Results): string {
  return table(
    [
      'model',
      'data set',
      'vocabulary',
      'used rows',
      'share',
      'in validation only',
      'kept rows',
      'embedding parameters',
      'kept',
      'saved in training',
      'of the model',
    ],
    cellsOf(results).map(({ model, dataSet, counts, ...usage }) => [
      model.name,
      dataSet.name,
      formatCount(model.vocabSize),
      formatCount(counts.usedCount),
      percent(usage.usedShare),
      formatCount(counts.validationOnlyCount),
      formatCount(counts.keptCount),
      formatCount(usage.embeddingParameterCount),
      formatCount(usage.keptEmbeddingParameterCount),
      formatBytes(usage.savedBytes),
      percent(usage.savedShare),
    ]),
    2,
  );
}

/** Ours beside what others have published. */
export function publishedTable(results: Results): string {
  return table(
    ['ours', 'dropped', 'used rows', 'theirs', 'dropped', 'used rows', 'ours to theirs'],
    PUBLISHED_SHARES.flatMap(({ tokenizer, dataSet, model, task, droppedPercent }) => {
      const ours = results.counts.find((each) => each.tokenizer === tokenizer && each.dataSet === dataSet);
      const named = modelsOfTokenizers(results).find((each) => each.tokenizer === tokenizer);
      if (ours === undefined || named === undefined) return [];
      const rows = ROWS[model] ?? NaN;
      const theirs = Math.round((1 - droppedPercent / 100) * rows);
      return [
        [
          `${named.name}, ${dataSet}`,
          `${(100 * (1 - ours.usedCount / named.vocabSize)).toFixed(2)} %`,
          formatCount(ours.usedCount),
          `${model}, ${task}`,
          `${droppedPercent.toFixed(2)} %`,
          formatCount(theirs),
          (ours.usedCount / theirs).toFixed(2),
        ],
      ];
    }),
  );
}

// Vocabularies of the models that others counted for.
const ROWS: Readonly<Record<string, number>> = {
  'bert-base-cased': 28_996,
  'roberta-base': 50_265,
  'xlm-roberta-base': 250_002,
};
