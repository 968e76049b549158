import { spawn } from 'node:child_process';

/** How a program ended and what it said. */
export interface ProgramOutcome {
  /** Exit code; 127 where it cannot be started, 128 where a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Its standard input; empty without one. */
  readonly input?: string;
  readonly folder?: string;
  /** It is ended with SIGKILL after this. */
  readonly timeoutMs?: number;
}

/** Runs a program without a shell to its end. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramOutcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      ...(options.folder === undefined ? {} : { cwd: options.folder }),
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: 'SIGKILL' as const }),
      env: { ...process.env, ...options.environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    // A program that ends before it has read all says why itself.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => {
      resolve({ code: 127, stdout, stderr: `${command}: ${error.message}` });
    });
    child.on('close', (code) => {
      resolve({ code: code ?? 128, stdout, stderr });
    });
  });
}
