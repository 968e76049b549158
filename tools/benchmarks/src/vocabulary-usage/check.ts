import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { oraclePython } from '@pemmican/testkit';
import type { VocabularyProfile } from '@pemmican/vocabulary';
import { MAX_SEQUENCE_LENGTH } from './count.ts';
import type { DataFiles } from './data-files.ts';

/** A cell whose counts are compared with the reference's. */
export interface CheckedCell {
  readonly tokenizerFile: string;
  readonly data: DataFiles;
  readonly profile: VocabularyProfile;
}

/** By file, ids with their counts, ascending. */
export type ReferenceCounts = readonly (readonly (readonly [id: number, count: number])[])[];

/** Ids that occur more or less often than in the reference, over all splits. */
export function differingIds(profile: VocabularyProfile, reference: ReferenceCounts): number {
  let differing = 0;
  for (let index = 0; index < Math.max(profile.splits.length, reference.length); index++) {
    const split = profile.splits[index];
    const expected = new Map(reference[index]);
    split?.tokenIds.forEach((id, at) => {
      if (expected.get(id) !== split.counts[at]) differing++;
      expected.delete(id);
    });
    differing += expected.size;
  }
  return differing;
}

/** Ids that differ from Hugging Face's tokenizers, by cell. @throws Error when Python fails */
export async function checkCells(cells: readonly CheckedCell[]): Promise<number[]> {
  const child = spawn(oraclePython(), [path.join(import.meta.dirname, 'reference_counts.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TOKENIZERS_PARALLELISM: 'true' },
  });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  // A child that died early says so by its status.
  child.stdin.on('error', () => undefined);
  child.stdin.end(
    JSON.stringify(
      cells.map(({ tokenizerFile, data }) => ({
        tokenizer: tokenizerFile,
        kind: data.isOfWords ? 'words' : data.isOfPairs ? 'pair' : 'text',
        maxLength: MAX_SEQUENCE_LENGTH,
        files: [data.files.train, data.files.validation],
      })),
    ),
  );
  const differences: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const cell = cells[differences.length];
    if (cell === undefined) throw new Error('Unreachable: more answers than cells');
    differences.push(differingIds(cell.profile, JSON.parse(line) as ReferenceCounts));
  }
  const status = await closed;
  if (status !== 0 || differences.length !== cells.length)
    throw new Error(
      `reference_counts.py ended with status ${status} after ${differences.length} of ${cells.length} cells`,
    );
  return differences;
}
