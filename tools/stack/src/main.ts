/**
 * `npm run stack`: everything on this machine.
 * @module
 */
import { Interrupt } from '@pemmican/cli';
import { SetupError, ensureTensorflow, environmentBuild, type SetupOptions } from '@pemmican/setup';
import { ensureCollector, ensurePrometheus, type FoundProgram } from '@pemmican/setup/observability';
import { CommanderError } from 'commander';
import { describeAddresses } from './addresses.ts';
import { StackError } from './error.ts';
import { createProgram, type OptionalName, type StackArguments } from './program.ts';
import { Stack } from './stack.ts';

/** What a compiler says may be long; what is left out is said in one line. */
const MAX_REASON_CHARACTERS = 400;

const report = (line: string): void => {
  console.error(`stack: ${line}`);
};

async function start({ directory, ports, without }: StackArguments): Promise<void> {
  const options: SetupOptions = { onProgress: report };
  await ensureTensorflow(environmentBuild(), options);
  const optional = async (name: OptionalName, ensure: typeof ensurePrometheus): Promise<FoundProgram | undefined> => {
    if (without.includes(name)) return undefined;
    try {
      return await ensure(options);
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      report(`${name} is left out: ${error.message.replaceAll(/\s+/g, ' ').slice(0, MAX_REASON_CHARACTERS)}`);
      return undefined;
    }
  };
  const prometheus = await optional('prometheus', ensurePrometheus);
  const collector = await optional('collector', ensureCollector);
  // Signals end the process by themselves until there is something to stop; a build of the collector ends with it.
  const interrupt = new Interrupt();
  interrupt.listen();
  const { signal } = interrupt;
  const stack = await Stack.prepare({ directory, ports, prometheus, collector });
  interrupt.beforeExit(() => {
    stack.kill();
  });
  try {
    await stack.start(signal);
    if (!signal.aborted) console.log(describeAddresses(stack));
    await Promise.race([aborted(signal), stack.failure()]);
    report('stopping; runs write their checkpoints');
  } finally {
    await stack.stop();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

try {
  await createProgram(start).parseAsync();
  process.exit(0);
} catch (error) {
  // Commander has said what is wrong.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  if (!(error instanceof StackError || error instanceof SetupError)) throw error;
  report(error.message);
  process.exit(1);
}
