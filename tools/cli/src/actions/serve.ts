import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { readDescriptorSet } from '@pemmican/contract/descriptor-set';
import type { HostedService, LogLevel, RunningServer, ServerSecurity, ServerSettings } from '@pemmican/rpc';
import { LOG_LEVELS, SECURITY_VARIABLES, createLogger, readServerSecurity, startServer } from '@pemmican/rpc';
import { serverMetrics, serverTracing } from '@pemmican/telemetry';
import { startTelemetry } from '@pemmican/telemetry/sdk';

import packageManifest from '../../package.json' with { type: 'json' };
import { CliError, EXIT_CODE, usageError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ServeOptions } from '../commands/serve.ts';
import type { ServiceName } from '../options/common-options.ts';

/** Unary calls take milliseconds and watchers attach again: what is left after this is cut off. */
const STOP_GRACE_MS = 2000;

/** What a service's package gives, ready to be put on a server. */
interface HostedGroup {
  readonly services: readonly HostedService[];
  close(): Promise<void>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `pemmican serve`: services in the foreground, until a signal stops them. */
export async function serve(options: ServeOptions, context: CommandContext): Promise<void> {
  const names: readonly ServiceName[] =
    options.name === 'all' ? ['vocabulary-analysis', 'embedding-surgery', 'trainer'] : [options.name];
  const telemetry = startTelemetry(
    {
      serviceName: options.name === 'all' ? 'pemmican' : `pemmican-${options.name}`,
      serviceVersion: packageManifest.version,
      hasMetrics: true,
    },
    context.environment,
  );
  const security = serverSecurity(options, context.environment);
  const groups: HostedGroup[] = [];
  try {
    for (const name of names) groups.push(await createService(name, serviceEnvironment(name, options, context)));
    const server = await listen({
      services: withoutTwins(groups.flatMap((group) => group.services)),
      listen: options.listen,
      interceptors: [serverTracing, serverMetrics()],
      descriptorSet: readDescriptorSet(),
      security,
      logger: createLogger('server', logLevel(context.environment)),
    });
    context.output.note(`${names.join(', ')} listen${names.length === 1 ? 's' : ''} on ${server.address}`);
    await untilAborted(context.interrupt.signal);
    context.output.note('Stopping; jobs go on when the service starts again.');
    // First the jobs: watchers are told to attach again, runs write their checkpoints.
    await Promise.all([...groups.map(async (group) => group.close()), server.stop(STOP_GRACE_MS)]);
    groups.length = 0;
  } finally {
    await Promise.all(groups.map(async (group) => group.close()));
    await telemetry.shutdown();
  }
}

/** Each service brings its artifacts with it; at one address the first one's do for all. */
function withoutTwins(services: readonly HostedService[]): HostedService[] {
  return services.filter(({ name }, index) => services.findIndex((other) => other.name === name) === index);
}

/** The services' configuration has refused any other. */
function logLevel({ PEMMICAN_LOG_LEVEL }: Environment): LogLevel {
  return LOG_LEVELS.find((level) => level === PEMMICAN_LOG_LEVEL) ?? 'info';
}

async function createService(name: ServiceName, environment: Environment): Promise<HostedGroup> {
  try {
    switch (name) {
      case 'vocabulary-analysis': {
        const { createVocabularyAnalysisService, readConfig } = await import('@pemmican/vocabulary-analysis');
        return createVocabularyAnalysisService(readConfig(environment));
      }
      case 'embedding-surgery': {
        const { createEmbeddingSurgeryService, readConfig } = await import('@pemmican/embedding-surgery');
        return createEmbeddingSurgeryService(readConfig(environment));
      }
      case 'trainer': {
        const { createTrainerService, readConfig } = await import('@pemmican/trainer');
        return createTrainerService(readConfig(environment));
      }
    }
  } catch (cause) {
    throw new CliError(EXIT_CODE.USAGE, `${name} cannot be started: ${(cause as Error).message}`, { cause });
  }
}

/**
 * What a service's configuration reads: the environment, with this command's options in place of two variables. Several services
 * never share a folder of state: each would take up, and sweep, the others' uploads and jobs.
 */
function serviceEnvironment(name: ServiceName, options: ServeOptions, context: CommandContext): Environment {
  const isOneOfAll = options.name === 'all';
  const stateDirectory =
    options.stateDirectory ?? (isOneOfAll ? context.environment['PEMMICAN_STATE_DIRECTORY'] : undefined);
  // An empty one is for the configuration to refuse.
  if (stateDirectory === undefined || stateDirectory === '')
    return { ...context.environment, PEMMICAN_LISTEN: options.listen };
  const directory = path.resolve(stateDirectory, isOneOfAll ? name : '.');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return { ...context.environment, PEMMICAN_LISTEN: options.listen, PEMMICAN_STATE_DIRECTORY: directory };
}

async function listen(settings: ServerSettings): Promise<RunningServer> {
  try {
    return await startServer(settings);
  } catch (cause) {
    throw usageError((cause as Error).message, { cause });
  }
}

/** What guards the server: the environment, with this command's options in place of some variables. */
function serverSecurity(options: ServeOptions, environment: Environment): ServerSecurity {
  const given = {
    [SECURITY_VARIABLES.certificateFile]: options.tlsCertificate,
    [SECURITY_VARIABLES.keyFile]: options.tlsKey,
    [SECURITY_VARIABLES.clientCaFile]: options.tlsClientCa,
    [SECURITY_VARIABLES.tokensFile]: options.tokensFile,
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  try {
    return readServerSecurity({ ...environment, ...set });
  } catch (cause) {
    throw usageError((cause as Error).message, { cause });
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}
