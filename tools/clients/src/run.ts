import { execFile } from 'node:child_process';
import { COMMAND_PATH } from './places.ts';

export interface RunOptions {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

// What a compiler says when it fails may be long.
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/**
 * Runs a command, one of the repository's or the machine's, to its end; what it printed.
 * @throws Error that has all that the command said
 */
export function run(command: string, parameters: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      command,
      [...parameters],
      {
        ...(options.folder === undefined ? {} : { cwd: options.folder }),
        env: { ...process.env, PATH: COMMAND_PATH, ...options.environment },
        maxBuffer: MAX_OUTPUT_BYTES,
      },
      (error, stdout) => {
        if (error === null) resolve(stdout);
        // The message has what came on stderr.
        else reject(new Error(`${error.message}\n${stdout}`, { cause: error }));
      },
    );
  });
}
