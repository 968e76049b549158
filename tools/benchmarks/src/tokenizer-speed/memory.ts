import { statSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFile, tokenizerFile } from './environment.ts';
import { runForJson } from './run-child.ts';

/** One count of a prefix of the corpus in a process of its own. */
export interface MemoryPlan {
  readonly tokenizerFile: string;
  readonly corpusFile: string;
  readonly prefixBytes: number;
  /** The library's own choice where not given. */
  readonly memoBytes?: number;
}

export interface MemoryReport {
  /** Peak resident bytes with the tokenizer loaded and nothing counted. */
  readonly loadedBytes: number;
  readonly peakBytes: number;
  /** What the remembered chunks take at the end. */
  readonly memoBytes: number;
  readonly sizeBytes: number;
  readonly tokenCount: number;
  readonly distinctTokenCount: number;
  readonly wallMs: number;
  readonly cpuMs: number;
}

export interface MemoryRow {
  readonly tokenizer: string;
  /** Cap on remembered chunks; undefined is the default. */
  readonly capBytes: number | undefined;
  readonly prefixBytes: number;
  readonly report: MemoryReport;
}

export interface MemoryOptions {
  readonly tokenizers: readonly string[];
  readonly corpus: string;
  readonly prefixesBytes: readonly number[];
  readonly capsBytes: readonly (number | undefined)[];
}

/** Counts growing prefixes of a corpus, each in a fresh process. */
export async function measureMemory(
  options: MemoryOptions,
  onProgress: (line: string) => void,
): Promise<readonly MemoryRow[]> {
  const file = corpusFile(options.corpus);
  const fileBytes = statSync(file).size;
  const prefixes = [...new Set(options.prefixesBytes.map((bytes) => Math.min(bytes, fileBytes)))];
  const rows: MemoryRow[] = [];
  for (const tokenizer of options.tokenizers)
    for (const capBytes of options.capsBytes)
      for (const prefixBytes of prefixes) {
        const plan: MemoryPlan = {
          tokenizerFile: tokenizerFile(tokenizer),
          corpusFile: file,
          prefixBytes,
          ...(capBytes === undefined ? {} : { memoBytes: capBytes }),
        };
        const script = join(import.meta.dirname, 'memory-child.ts');
        const report = (await runForJson(process.execPath, [script, JSON.stringify(plan)])) as MemoryReport;
        rows.push({ tokenizer, capBytes, prefixBytes, report });
        onProgress(
          `${tokenizer}, ${(prefixBytes / 1e6).toFixed(0)} MB, cap ${capBytes ?? 'default'}: peak ${(report.peakBytes / 1e6).toFixed(0)} MB`,
        );
      }
  return rows;
}
