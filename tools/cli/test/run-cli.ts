import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { runCommandLine } from '../src/command-line.ts';
import { Interrupt } from '../src/interrupt.ts';

/** What a run of the command left. */
export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command in this process. */
export async function runCli(
  argv: readonly string[],
  interrupt: Interrupt = new Interrupt(() => undefined),
): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  const exitCode = await runCommandLine(
    argv,
    {
      stdout: { write: (text: string) => (stdout += text) },
      stderr: { write: (text: string) => (stderr += text) },
      environment: { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] },
    },
    interrupt,
  );
  return { exitCode, stdout, stderr };
}

/** A folder that is removed when the test ends. */
export class TemporaryFolder implements Disposable {
  readonly path = mkdtempSync(path.join(os.tmpdir(), 'cli-test-'));

  join(...parts: string[]): string {
    return path.join(this.path, ...parts);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
