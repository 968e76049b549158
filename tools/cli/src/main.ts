import { enableCompileCache } from 'node:module';

// Stripped types and compiled code are kept between starts; without it each start pays for both again.
enableCompileCache();

// Who read the output has gone (`pemmican --help | head`): 128 + SIGPIPE, and no stack trace.
const BROKEN_PIPE_EXIT_CODE = 141;
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(BROKEN_PIPE_EXIT_CODE);
  });

const { runCommandLine } = await import('./command-line.ts');
process.exitCode = await runCommandLine(process.argv.slice(2));
