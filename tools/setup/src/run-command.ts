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
  /** It is ended with SIGKILL after this, and its output says so. */
  readonly timeoutMs?: number;
  /**
   * Whether it ends, with all that it has started, when this process does, however that ends: for what takes minutes. It has an
   * empty standard input then, no timeout, and does not hear of a terminal's Ctrl-C.
   */
  readonly isEndedWithUs?: boolean;
}

// What a failing compiler or pip says last is what matters.
const MAX_OUTPUT_CHARACTERS = 16_384;

// The kernel tells the shell of our end, and the shell its whole group.
const ENDED_WITH_US = [
  ...['setpriv', '--pdeathsig', 'TERM', '--', '/bin/sh', '-c'],
  'trap "trap - TERM; kill -s TERM 0" TERM; "$@" & wait $!',
  'sh',
] as const;

/** Runs a command without a shell and keeps quiet about it. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutcome> {
  const { folder, environment, input = '', inputFile, timeoutMs, isEndedWithUs = false } = options;
  return new Promise((resolve) => {
    const [program = command, ...words] = [...(isEndedWithUs ? ENDED_WITH_US : []), command, ...args];
    const child = spawn(program, words, {
      detached: isEndedWithUs,
      ...(folder === undefined ? {} : { cwd: folder }),
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // Node's own timeout would go on, and the process with it, after a program that cannot be started.
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), timeoutMs);
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
    child.on('error', ({ message }) => {
      clearTimeout(timer);
      resolve({ code: 127, stdout, stderr: message, output: message });
    });
    child.on('exit', () => {
      clearTimeout(timer);
      if (!child.killed) return;
      const said = `ended after ${(timeoutMs ?? 0) / 1000} s\n`;
      stderr += said;
      keep(said);
      // What it had started may live on and hold its output open.
      child.stdout.destroy();
      child.stderr.destroy();
    });
    child.on('close', (code) => resolve({ code: code ?? 128, stdout, stderr, output }));
  });
}
