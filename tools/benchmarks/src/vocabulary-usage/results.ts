import type { DataFiles } from './data-files.ts';
import type { DataSet } from './data-sets.ts';
import { MODELS, type PublishedModel } from './models.ts';
import { usageOf, type TokenCounts, type Usage } from './usage.ts';

/** What was counted, for tables and plots. */
export interface Results {
  readonly dataSets: readonly (DataSet & DataFiles)[];
  readonly counts: readonly TokenCounts[];
}

/** A data set beside a model. */
export interface Cell extends Usage {
  readonly dataSet: DataSet & DataFiles;
  readonly model: PublishedModel;
  readonly counts: TokenCounts;
}

/** Every model that has the tokenizer, with every data set, in the order of both lists. */
export function cellsOf({ dataSets, counts }: Results): Cell[] {
  return MODELS.flatMap((model) =>
    dataSets.flatMap((dataSet) => {
      const found = counts.find((each) => each.tokenizer === model.tokenizer && each.dataSet === dataSet.name);
      return found === undefined ? [] : [{ dataSet, model, counts: found, ...usageOf(found, model) }];
    }),
  );
}

/** Middle of the values; the mean of the two middle ones where their number is even. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? NaN;
  return (upper + lower) / 2;
}

/** The first model of each tokenizer that was counted: it stands for the others where only the vocabulary matters. */
export function modelsOfTokenizers({ counts }: Results): PublishedModel[] {
  return [...new Set(counts.map(({ tokenizer }) => tokenizer))].flatMap(
    (name) => MODELS.find(({ tokenizer }) => tokenizer === name) ?? [],
  );
}
