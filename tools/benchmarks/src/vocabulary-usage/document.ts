import path from 'node:path';
import { formatCount, formatPercent } from '@pemmican/cli/units';
import { MAX_SEQUENCE_LENGTH } from './count.ts';
import { cellsOf, median, modelsOfTokenizers, type Results } from './results.ts';
import { cellTable, dataSetTable, memoryTable, publishedTable, shareTable } from './tables.ts';

/** What the comparison with Hugging Face's tokenizers found. */
export interface CheckSummary {
  readonly cellCount: number;
  readonly dataSets: readonly string[];
  /** Ids compared, over all cells and splits. */
  readonly idCount: number;
  readonly differing: number;
}

export interface DocumentOptions {
  readonly command: string;
  /** `YYYY-MM-DD` */
  readonly date: string;
  readonly countedSeconds: string;
  readonly check?: CheckSummary;
  /** Path that the plots' names begin with; without it there are none. */
  readonly stem?: string;
}

/** The whole document in Markdown. */
export function describe(results: Results, options: DocumentOptions): string {
  const { command, date, countedSeconds, check, stem } = options;
  const plot = (name: string, text: string): string[] =>
    stem === undefined ? [] : ['', `![${text}](${path.basename(stem)}-${name}.svg)`];
  return [
    '# How much of a vocabulary fine-tuning data uses',
    '',
    `\`${command}\`, ${date}; counting took ${countedSeconds} s beside the machine's other work.`,
    '',
    'The finding of Williams & Aletras (arXiv 2309.08708), repeated: fine-tuning data uses a part of the vocabulary, and a',
    'smaller part the larger the vocabulary. Real tokenizers, real labelled data, nothing sampled.',
    '',
    `- **Used rows**: ids that occur in training or validation data, texts cut to ${MAX_SEQUENCE_LENGTH} tokens, special tokens`,
    '  included where the tokenizer adds them. This is what the paper counts, padding apart.',
    '- **Kept rows**: what pemmican trains: the used rows, and every special and added token (Gemma 3 has 6,415 of these).',
    '- **Saved**: weights, gradients and two Adam moments of the rows that are not kept, 16 bytes a parameter. **Of the model**:',
    '  as a share of the same for all parameters, with a classification head of two labels and no output matrix over the',
    '  vocabulary. Activations come on top and are the same either way.',
    '- Data without a validation split of its own has every tenth record in one.',
    '- Words (`-words`) are tokenized one by one. SmolLM2, Llama 3 and Qwen3 put no space before a word then, with Hugging',
    "  Face's library as here: they use the pieces that begin no word, and few of the others.",
    '',
    ...findings(results),
    ...plot('share', 'Share of the vocabulary that each data set uses, by tokenizer'),
    ...plot('memory', 'Share of weights, gradients and moments that is saved, by model'),
    '',
    '## Share of the vocabulary that is used',
    '',
    shareTable(results),
    '',
    '## Memory saved',
    '',
    memoryTable(results),
    '',
    ...comparison(results),
    ...checkLines(check),
    '## Data',
    '',
    dataSetTable(results),
    '',
    '## Every model with every data set',
    '',
    cellTable(results),
  ].join('\n');
}

function findings(results: Results): string[] {
  const cells = cellsOf(results);
  const shares = modelsOfTokenizers(results).flatMap((model) => {
    const own = cells.filter((cell) => cell.model === model).map(({ usedShare }) => usedShare);
    return own.length === 0 ? [] : [{ model, middle: median(own) }];
  });
  const smallest = shares[0];
  const largest = shares.at(-1);
  const saved = cells.map(({ savedShare }) => savedShare);
  if (smallest === undefined || largest === undefined) return [];
  return [
    `The median data set uses ${formatPercent(smallest.middle)} of ${smallest.model.name}'s ${formatCount(smallest.model.vocabSize)} rows and ` +
      `${formatPercent(largest.middle)} of ${largest.model.name}'s ${formatCount(largest.model.vocabSize)}.`,
    `Training the kept rows saves ${formatPercent(Math.min(...saved))} to ${formatPercent(Math.max(...saved))} of a model's weights, gradients and moments.`,
  ];
}

/** Mean share of the embedding matrix that is not used, by the first model of each tokenizer. */
function meanUnused(results: Results): string {
  const cells = cellsOf(results);
  return modelsOfTokenizers(results)
    .map((model) => {
      const own = cells.filter((cell) => cell.model === model).map(({ usedShare }) => 1 - usedShare);
      const mean = own.reduce((sum, share) => sum + share, 0) / own.length;
      return `${formatPercent(mean)} (${model.name})`;
    })
    .join(', ');
}

function comparison(results: Results): string[] {
  return [
    '## Beside published figures',
    '',
    'The paper reports that over the tasks of GLUE from 17.1 % (BERT) to 99.3 % (XLM-V) of the embedding parameters are saved;',
    'the two figures are second-hand, its tables could not be read here. Over the data sets of this page the mean is:',
    '',
    `${meanUnused(results)}.`,
    '',
    'By and large the finding is the same: the larger the vocabulary, the larger its unused part. Where the order breaks, the',
    'vocabularies differ in what they are for: XLM-R shares its rows among 100 languages, so that English leaves more of them',
    'unused than of the larger ones of Gemma. The figures themselves are not to be compared: GLUE has tasks of several 100,000',
    "pairs of sentences (MNLI, QQP, QNLI), which use most of BERT's rows, and XLM-V has 901,629 rows. No package has GLUE, XNLI, or",
    'the tokenizers of BERT cased, mBERT, DeBERTa or XLM-V.',
    '',
    'The nearest that has a table a task is transformer-smaller-training-vocab, whose method is the same but for special tokens:',
    '',
    publishedTable(results),
    '',
    "Pang & Lee's sentences are those that SST-2 is made of. Here are 8,530 whole sentences; SST-2 has 67,349 phrases out of about",
    'as many sentences, and more sentences for validation and test. XLM-R is the very tokenizer, and RoBERTa has the pieces of GPT-2',
    'under other ids. BERT cased is another vocabulary than BERT uncased, so that only the magnitude can agree. The other pairs are',
    'kin of task and not of text: thousands of short English sentences (CoLA has 10,657 of them, review-sentences 3,000), and',
    'tagged words (Brown has about four times the words of CoNLL-2003, and of 15 genres, not of newswire alone).',
    '',
  ];
}

function checkLines(check: CheckSummary | undefined): string[] {
  if (check === undefined) return [];
  return [
    "## Checked against Hugging Face's tokenizers",
    '',
    `\`--check\`: ${check.cellCount} cells (every tokenizer with ${check.dataSets.join(', ')}) were counted by \`tokenizers\` 0.23.3 as`,
    `well: of ${formatCount(check.idCount)} ids with their counts, split by split, ${check.differing} differ.`,
    '',
  ];
}
