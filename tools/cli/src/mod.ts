/**
 * The `pemmican` command: a gRPC client of the three services, which it starts itself unless it is told where they are.
 * @module
 */
export { EXIT_CODE, type ExitCode } from './cli-error.ts';
export { processStreams, runCommandLine } from './command-line.ts';
export { Interrupt } from './interrupt.ts';
