import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';

/** How a command ended and what it said. */
export interface CommandOutcome {
  /** Exit code; 127 where it cannot be started, 128 where a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both streams in the order they came, its last {@link MAX_OUTPUT_CHARACTERS}. */
  readonly output: string;
}

export interface CommandOptions {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Its standard input; empty where neither this nor a file is given. */
  readonly input?: string;
  /** A file that is its standard input. */
  readonly inputFile?: string;
  /** It is ended with SIGKILL after this. */
  readonly timeoutMs?: number;
}

// What a failing compiler or pip says last is what matters.
const MAX_OUTPUT_CHARACTERS = 16_384;

/** Runs a command without a shell and keeps quiet about it. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutcome> {
  const { folder, environment, input = '', inputFile, timeoutMs } = options;
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      ...(folder === undefined ? {} : { cwd: folder }),
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: 'SIGKILL' as const }),
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let [stdout, stderr, output] = ['', '', ''];
    const keep = (text: string): void => {
      output = (output + text).slice(-MAX_OUTPUT_CHARACTERS);
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      keep(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      keep(text);
    });
    // A program that ends before it has read all says why itself.
    child.stdin.on('error', () => undefined);
    if (inputFile === undefined) child.stdin.end(input);
    else createReadStream(inputFile).pipe(child.stdin);
    child.on('error', ({ message }) => resolve({ code: 127, stdout, stderr: message, output: message }));
    child.on('close', (code) => resolve({ code: code ?? 128, stdout, stderr, output }));
  });
}
