import { join } from 'node:path';
import { engineNames } from './engine-names.ts';
import { corpusFile, tokenizerFile } from './environment.ts';
import type { FunctionShares } from './function-shares.ts';
import { runForJson } from './run-child.ts';

export interface ProfilePlan {
  readonly tokenizerFile: string;
  readonly corpusFile: string;
  readonly blockBytes: number;
  readonly task: 'count' | 'encode';
  /** Names of the engine's functions by index. */
  readonly engineNames: readonly (readonly [number, string])[];
  /** Sample the stack in a cold pass; otherwise time the stages. */
  readonly withFunctions: boolean;
}

/** A loop over the corpus that does a part of the work. */
export interface Stage {
  readonly name: string;
  /** Of 10^6 bytes, by the thread's own time. */
  readonly megabytesPerSecond: number;
}

export interface ProfileReport {
  /** From the least work to all of it. */
  readonly stages: readonly Stage[];
  readonly chunkCount: number;
  readonly distinctChunkCount: number;
  readonly recordCount: number;
  readonly shares: FunctionShares | undefined;
}

export interface ProfileRow {
  readonly tokenizer: string;
  readonly corpus: string;
  readonly stages: ProfileReport;
  readonly counting: FunctionShares;
  readonly encoding: FunctionShares;
}

/** Profiles counting and encoding, each in fresh processes. */
export async function measureProfile(
  tokenizers: readonly string[],
  corpora: readonly string[],
  blockBytes: number,
  onProgress: (line: string) => void,
): Promise<readonly ProfileRow[]> {
  const rows: ProfileRow[] = [];
  const names = [...engineNames()];
  for (const tokenizer of tokenizers)
    for (const corpus of corpora) {
      const run = async (task: ProfilePlan['task'], withFunctions: boolean): Promise<ProfileReport> => {
        const plan: ProfilePlan = {
          tokenizerFile: tokenizerFile(tokenizer),
          corpusFile: corpusFile(corpus),
          blockBytes,
          task,
          engineNames: names,
          withFunctions,
        };
        const script = join(import.meta.dirname, 'profile-child.ts');
        return (await runForJson(process.execPath, [script, JSON.stringify(plan)])) as ProfileReport;
      };
      const stages = await run('count', false);
      const { shares: counting } = await run('count', true);
      const { shares: encoding } = await run('encode', true);
      if (counting === undefined || encoding === undefined) throw new Error('The profiler gave nothing');
      rows.push({ tokenizer, corpus, stages, counting, encoding });
      const list = stages.stages.map((stage) => `${stage.name} ${stage.megabytesPerSecond.toFixed(0)}`).join(', ');
      onProgress(`${tokenizer}, ${corpus}: ${list} MB/s; model ${(counting.model * 100).toFixed(0)} %`);
    }
  return rows;
}
