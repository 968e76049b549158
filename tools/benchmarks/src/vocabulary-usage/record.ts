/** A labelled record, in the fields that `pemmican run` reads: a text, a pair of texts, or words with a tag each. */
export type LabelledRecord =
  | { readonly text: string; readonly text_pair?: string; readonly label: string }
  | { readonly tokens: readonly string[]; readonly ner_tags: readonly string[] };

export type SplitName = 'train' | 'validation';
export type Splits = Readonly<Record<SplitName, readonly LabelledRecord[]>>;

const VALIDATION_DIVISOR = 10;

/** Puts every tenth record into a validation split, for data that comes without one. */
export function splitRecords(records: Iterable<LabelledRecord>): Splits {
  const splits: Record<SplitName, LabelledRecord[]> = { train: [], validation: [] };
  let index = 0;
  for (const record of records) {
    const isValidation = index % VALIDATION_DIVISOR === VALIDATION_DIVISOR - 1;
    splits[isValidation ? 'validation' : 'train'].push(record);
    index++;
  }
  return splits;
}
