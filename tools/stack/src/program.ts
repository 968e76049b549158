import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { cacheFolder } from '@pemmican/setup';
import { StackError } from './error.ts';
import { DEFAULT_PORTS, PORT_NAMES, parsePort, type PortName, type Ports } from './ports.ts';

/** What can be left out. */
const OPTIONAL_NAMES = ['prometheus', 'collector'] as const;
export type OptionalName = (typeof OPTIONAL_NAMES)[number];

/** What the command line says. */
export interface StackArguments {
  readonly directory: string;
  readonly ports: Ports;
  readonly without: readonly OptionalName[];
}

interface ParsedOptions {
  readonly port: Readonly<Partial<Ports>>;
  readonly freePorts?: boolean;
  readonly directory: string;
  readonly without: readonly OptionalName[];
}

const EPILOGUE = `
What is not on this machine is set up first: Prometheus comes from the packages of Debian or Ubuntu, the
collector is built by Go. PEMMICAN_PROMETHEUS and PEMMICAN_OTEL_COLLECTOR name others. What cannot be had is
said and left out.

Examples:
  $ npm run stack
  $ npm run stack -- --port dashboards=3001 --port prometheus=9091
  $ npm run stack -- --without collector`;

/**
 * Defines the command line.
 * @param start called with what it says
 */
export function createProgram(start: (args: StackArguments) => Promise<void>): Command {
  return new Command('npm run stack --')
    .description(
      'Start the three services, an OpenTelemetry Collector, Prometheus and a page of the dashboards on this machine, print their ' +
        'addresses, and stop all of it on Ctrl-C. Nothing listens for other machines.',
    )
    .addOption(
      new Option('--port <name=port>', `port of one of ${PORT_NAMES.join(', ')}; 0 is any free one (again for more)`)
        .argParser(collectPort)
        .default({}, Object.values(DEFAULT_PORTS).join(', ')),
    )
    .option('--free-ports', 'any free port for all that --port does not name')
    .option(
      '--directory <dir>',
      'folder of logs, and of states that a later start goes on with',
      path.join(cacheFolder(), 'stack'),
    )
    .addOption(new Option('--without <names...>', 'leave out').choices(OPTIONAL_NAMES).default([], 'nothing'))
    .helpOption('-h, --help', 'print help')
    .showHelpAfterError('(try --help)')
    .addHelpText('after', EPILOGUE)
    .allowExcessArguments(false)
    .exitOverride()
    .action(async (options: ParsedOptions) => {
      const { port, freePorts = false, directory, without } = options;
      const free = Object.fromEntries(PORT_NAMES.map((name) => [name, 0])) as Record<PortName, number>;
      await start({
        directory: path.resolve(directory),
        ports: { ...(freePorts ? free : DEFAULT_PORTS), ...port },
        without,
      });
    });
}

function collectPort(text: string, before: Readonly<Partial<Ports>>): Readonly<Partial<Ports>> {
  try {
    const [name, port] = parsePort(text);
    return { ...before, [name]: port };
  } catch (error) {
    if (error instanceof StackError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}
