/**
 * Shares that others have published for the same tokenizers or ones near them, and for texts near ours: the table in the
 * README of transformer-smaller-training-vocab, whose method the paper's is a kin of. It counts what is dropped.
 * @module
 */
export interface PublishedShare {
  /** Ours. */
  readonly tokenizer: string;
  readonly dataSet: string;
  /** Theirs. */
  readonly model: string;
  readonly task: string;
  readonly droppedPercent: number;
}

const row = (
  dataSet: string,
  task: string,
  [bert, roberta, xlmRoberta]: readonly [number, number, number],
): PublishedShare[] => [
  { dataSet, task, tokenizer: 'bert-base-uncased', model: 'bert-base-cased', droppedPercent: bert },
  { dataSet, task, tokenizer: 'gpt2', model: 'roberta-base', droppedPercent: roberta },
  { dataSet, task, tokenizer: 'multilingual-e5-small', model: 'xlm-roberta-base', droppedPercent: xlmRoberta },
];

export const PUBLISHED_SHARES: readonly PublishedShare[] = [
  ...row('rotten-tomatoes', 'SST-2', [62.39, 68.6, 96.25]),
  ...row('review-sentences', 'CoLA', [77.67, 86.08, 97.79]),
  ...row('brown-words', 'CoNLL-2003', [43.64, 58.39, 93.13]),
];
