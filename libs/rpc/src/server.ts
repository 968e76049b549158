import { rmSync } from 'node:fs';
import {
  Server,
  ServerCredentials,
  type ServerInterceptor,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { splitFileDescriptorSet } from './descriptor-set.ts';
import type { Logger } from './logger.ts';
import { DecodingServer, refuseMalformed } from './malformed-message.ts';
import { accessControl } from './security/access-control.ts';
import type { Role } from './security/caller.ts';
import { tlsCredentials } from './security/server-certificates.ts';
import { openAuthenticator, readServerSecurity, type ServerSecurity } from './security/settings.ts';

/** Largest message that a server takes: a list of 30,000 token ids has about 100 kB, one of a million 4 MB. */
export const MAX_RECEIVE_MESSAGE_BYTES = 16 * 1024 * 1024;

/** A health check names one service. */
const MAX_HEALTH_REQUEST_BYTES = 4096;

const KEEPALIVE_TIME_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
const MIN_PING_INTERVAL_MS = 5_000;

/** A service with what answers for it. */
export interface HostedService {
  /** Full name, e.g. `pemmican.trainer.v1.TrainerService`. */
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  /** Methods that a reader may call; all others ask for a writer. */
  readonly readMethods: readonly string[];
}

export interface ServerSettings {
  readonly services: readonly HostedService[];
  /** `HOST:PORT` (port 0 picks one) or `unix:PATH`. */
  readonly listen: string;
  readonly interceptors?: readonly ServerInterceptor[];
  /** Bytes of the FileDescriptorSet that reflection answers from. */
  readonly descriptorSet: Uint8Array;
  /** Not set: plain text, open to whoever reaches the address. */
  readonly security?: ServerSecurity;
  readonly logger: Logger;
}

export interface RunningServer {
  /** Where clients connect: `HOST:PORT` or `unix:PATH`. */
  readonly address: string;
  /** Where health checks are answered beside `address`; undefined where the security settings name no address for it. */
  readonly healthAddress?: string;
  /** Says NOT_SERVING, lets calls end for at most `graceMs`, then ends them. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts a server with health checks (grpc.health.v1, which need no token) and reflection (v1 and v1alpha).
 * @throws Error when the address cannot be had, or a file of the security settings is wrong
 */
export async function startServer(settings: ServerSettings): Promise<RunningServer> {
  const { logger, services, security = readServerSecurity({}) } = settings;
  const credentials =
    security.tls === undefined ? ServerCredentials.createInsecure() : await tlsCredentials(security.tls, logger);
  const authenticator = await openAuthenticator(security, logger);
  if (authenticator !== undefined && security.tls === undefined && !isLocal(settings.listen))
    logger.warn('tokens go over the network in plain text: no certificate is set', { listen: settings.listen });
  const access = accessControl({
    ...(authenticator === undefined ? {} : { authenticator }),
    maxOpenCalls: security.maxOpenCallsPerCaller,
    roleOf: (path) => roleOf(services, path),
    logger,
  });
  const server = new DecodingServer({
    'grpc.max_receive_message_length': MAX_RECEIVE_MESSAGE_BYTES,
    'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc-node.max_session_memory': 64,
    'grpc.min_time_between_pings_ms': MIN_PING_INTERVAL_MS,
    interceptors: [...(settings.interceptors ?? []), access, refuseMalformed],
  });
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  const names = ['', ...services.map((service) => service.name)];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'SERVING' as const])));
  health.addToServer(server);
  addReflection(server, settings.descriptorSet);
  const address = await bind(server, settings.listen, credentials);
  const probes = await startProbes(security.healthListen, health).catch((error: unknown) => {
    server.forceShutdown();
    throw error;
  });
  return {
    address,
    ...(probes === undefined ? {} : { healthAddress: probes.address }),
    stop: async (graceMs) => {
      for (const name of names) health.setStatus(name, 'NOT_SERVING');
      await Promise.all([stopServer(server, graceMs), probes?.stop(graceMs)]);
    },
  };
}

/** Health alone, in plain text: it tells what a probe asks and takes no other call. */
async function startProbes(
  listen: string | undefined,
  health: HealthImplementation,
): Promise<{ address: string; stop: (graceMs: number) => Promise<void> } | undefined> {
  if (listen === undefined) return undefined;
  const server = new Server({ 'grpc.max_receive_message_length': MAX_HEALTH_REQUEST_BYTES });
  health.addToServer(server);
  const address = await bind(server, listen, ServerCredentials.createInsecure());
  return { address, stop: (graceMs) => stopServer(server, graceMs) };
}

/** What a method asks for. Health checks come from probes, which have no token. */
function roleOf(services: readonly HostedService[], path: string): Role | undefined {
  const [, serviceName = '', method = ''] = path.split('/');
  if (serviceName === 'grpc.health.v1.Health') return undefined;
  if (serviceName.startsWith('grpc.reflection.')) return 'reader';
  const service = services.find(({ name }) => name === serviceName);
  return service?.readMethods.includes(method) === true ? 'reader' : 'writer';
}

const isLocal = (listen: string): boolean => /^(?:unix:|127\.|localhost:|\[::1\]:)/.test(listen);

function addReflection(server: Server, descriptorSet: Uint8Array): void {
  // The library reads nothing of a package but these raw files.
  const files = { all: { fileDescriptorProtos: splitFileDescriptorSet(descriptorSet) } };
  new ReflectionService(files as unknown as ConstructorParameters<typeof ReflectionService>[0]).addToServer(server);
}

async function bind(server: Server, listen: string, credentials: ServerCredentials): Promise<string> {
  // A socket file that a killed process left would make the address taken.
  if (listen.startsWith('unix:')) rmSync(listen.slice('unix:'.length), { force: true });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(new Error(`Cannot listen on ${listen}: ${error.message}`, { cause: error }));
    });
  });
  return listen.startsWith('unix:') ? listen : listen.replace(/:\d+$/, `:${port}`);
}

function stopServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
