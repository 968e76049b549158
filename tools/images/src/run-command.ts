import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';

/** How a program ended, with what it said. */
export interface CommandResult {
  /** Exit code; 127 where it cannot be started, 128 where a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  /** Both streams, in the order in which they came. */
  readonly output: string;
}

export interface CommandOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** A file that is the program's standard input; empty without one. */
  readonly inputFile?: string;
  readonly folder?: string;
  /** Called with each piece of output as it comes. */
  readonly onOutput?: (text: string) => void;
}

/** Runs a program without a shell to its end. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.folder,
      env: { ...process.env, ...options.environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      output += text;
      options.onOutput?.(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      options.onOutput?.(text);
    });
    // A program that ends before it has read all says why itself.
    child.stdin.on('error', () => undefined);
    if (options.inputFile === undefined) child.stdin.end();
    else createReadStream(options.inputFile).pipe(child.stdin);
    child.on('error', (error) => {
      resolve({ code: 127, stdout, output: `${command}: ${error.message}` });
    });
    child.on('close', (code) => {
      resolve({ code: code ?? 128, stdout, output });
    });
  });
}
