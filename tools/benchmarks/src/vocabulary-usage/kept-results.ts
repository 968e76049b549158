import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { DataFiles } from './data-files.ts';
import { DATA_SETS, FOLDER } from './data-sets.ts';
import type { CheckSummary } from './document.ts';
import type { TokenCounts } from './usage.ts';
import type { Results } from './results.ts';

/** A run's results, kept so that the document can be written again without counting. */
export interface KeptResults {
  readonly command: string;
  /** Day of the run, `YYYY-MM-DD`. */
  readonly date: string;
  readonly countedSeconds: string;
  readonly check?: CheckSummary;
  readonly dataFiles: readonly DataFiles[];
  readonly counts: readonly TokenCounts[];
}

const FILE = path.join(FOLDER, 'results.json');

export function keepResults(results: KeptResults): void {
  writeFileSync(FILE, JSON.stringify(results));
}

/** @throws Error when there was no run */
export function readKeptResults(): KeptResults {
  if (!existsSync(FILE)) throw new Error(`${FILE} is not there: run without --report first`);
  return JSON.parse(readFileSync(FILE, 'utf8')) as KeptResults;
}

/** Puts what was counted beside what the data sets are. */
export function resultsOf({ dataFiles, counts }: Pick<KeptResults, 'dataFiles' | 'counts'>): Results {
  const dataSets = DATA_SETS.flatMap((dataSet) => {
    const files = dataFiles.find(({ name }) => name === dataSet.name);
    return files === undefined ? [] : [{ ...dataSet, ...files }];
  });
  return { dataSets, counts };
}
