import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { PYTHON } from './environment.ts';
import type { ChildPlan, ChildReport } from './plan.ts';

export type ProgramKind = 'ours' | 'Python' | 'Node';

const TIMEOUT_MS = 900_000;

/** Runs a program to its end and reads the JSON on the last line of its output. */
export function runForJson(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  timeoutMs = TIMEOUT_MS,
): Promise<unknown> {
  return new Promise((fulfil, reject) => {
    execFile(
      command,
      args,
      { env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024, timeout: timeoutMs, killSignal: 'SIGKILL' },
      (error, stdout, stderr) => {
        const last = stdout.trim().split('\n').at(-1) ?? '';
        if (error === null && last.startsWith('{')) fulfil(JSON.parse(last));
        else reject(new Error(error?.killed === true ? `not done in ${timeoutMs / 1000} s` : reasonOf(stderr, error)));
      },
    );
  });
}

function reasonOf(stderr: string, error: Error | null): string {
  const lines = stderr.trim().split('\n');
  const line = lines.findLast((each) => /^\w*(?:Error|Exception)\b/.test(each)) ?? lines.at(-1) ?? '';
  return (line === '' ? (error?.message ?? 'no output') : line).slice(0, 200);
}

/** One measurement in a process of its own; a peer that fails gives the reason, pemmican's failure stops the benchmark. */
export async function runChild(kind: ProgramKind, plan: ChildPlan): Promise<ChildReport> {
  const script = { ours: 'ours-child.ts', Python: 'peer_child.py', Node: 'npm-peer-child.ts' }[kind];
  const args = [join(import.meta.dirname, script), JSON.stringify(plan)];
  const threads = {
    TOKENIZERS_PARALLELISM: String(plan.threadCount > 1),
    RAYON_NUM_THREADS: String(plan.threadCount),
  };
  try {
    return (await runForJson(kind === 'Python' ? PYTHON : process.execPath, args, threads)) as ChildReport;
  } catch (error) {
    if (kind === 'ours') throw error;
    return { ...NOTHING, refusal: (error as Error).message };
  }
}

const NOTHING: ChildReport = {
  version: '',
  sizeBytes: 0,
  recordCount: 0,
  tokenCount: 0,
  passes: [],
  differingRecordCount: 0,
  differingIdCount: 0,
  peakResidentBytes: 0,
};
