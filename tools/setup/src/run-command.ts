import { spawn } from 'node:child_process';

/** How a command ended and what it said. */
export interface CommandOutcome {
  /** Exit status, or undefined when it could not be started or was ended by a signal. */
  readonly status: number | undefined;
  readonly stdout: string;
  /** Both streams in the order they came, its last {@link MAX_OUTPUT_CHARACTERS}. */
  readonly output: string;
}

// What a failing compiler or pip says last is what matters.
const MAX_OUTPUT_CHARACTERS = 16_384;

/** Runs a command without a shell and keeps quiet about it. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: { readonly folder?: string; readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<CommandOutcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      ...(options.folder === undefined ? {} : { cwd: options.folder }),
      env: { ...process.env, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let output = '';
    const keep = (text: string): void => {
      output = (output + text).slice(-MAX_OUTPUT_CHARACTERS);
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-MAX_OUTPUT_CHARACTERS);
      keep(text);
    });
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('error', (error) => resolve({ status: undefined, stdout, output: error.message }));
    child.on('close', (status) => resolve({ status: status ?? undefined, stdout, output }));
  });
}
