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

/** Largest message that a server takes: a list of 30,000 token ids has about 100 kB, one of a million 4 MB. */
export const MAX_RECEIVE_MESSAGE_BYTES = 16 * 1024 * 1024;

const KEEPALIVE_TIME_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
const MIN_PING_INTERVAL_MS = 5_000;

/** A service with what answers for it. */
export interface HostedService {
  /** Full name, e.g. `pemmican.trainer.v1.TrainerService`. */
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface ServerSettings {
  readonly services: readonly HostedService[];
  /** `HOST:PORT` (port 0 picks one) or `unix:PATH`. */
  readonly listen: string;
  readonly interceptors?: readonly ServerInterceptor[];
  /** Bytes of the FileDescriptorSet that reflection answers from. */
  readonly descriptorSet: Uint8Array;
  readonly tls?: { readonly certificate: Buffer; readonly key: Buffer; readonly clientCa?: Buffer };
}

export interface RunningServer {
  /** Where clients connect: `HOST:PORT` or `unix:PATH`. */
  readonly address: string;
  /** Says NOT_SERVING, lets calls end for at most `graceMs`, then ends them. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts a server with health checks (grpc.health.v1) and reflection (v1 and v1alpha).
 * @throws Error when the address cannot be had
 */
export async function startServer(settings: ServerSettings): Promise<RunningServer> {
  const server = new Server({
    'grpc.max_receive_message_length': MAX_RECEIVE_MESSAGE_BYTES,
    'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc-node.max_session_memory': 64,
    'grpc.min_time_between_pings_ms': MIN_PING_INTERVAL_MS,
    interceptors: [...(settings.interceptors ?? [])],
  });
  for (const { definition, implementation } of settings.services) server.addService(definition, implementation);
  const names = ['', ...settings.services.map((service) => service.name)];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'SERVING' as const])));
  health.addToServer(server);
  addReflection(server, settings.descriptorSet);
  const address = await bind(server, settings);
  return {
    address,
    stop: (graceMs) => {
      for (const name of names) health.setStatus(name, 'NOT_SERVING');
      return stopServer(server, graceMs);
    },
  };
}

function addReflection(server: Server, descriptorSet: Uint8Array): void {
  // The library reads nothing of a package but these raw files.
  const files = { all: { fileDescriptorProtos: splitFileDescriptorSet(descriptorSet) } };
  new ReflectionService(files as unknown as ConstructorParameters<typeof ReflectionService>[0]).addToServer(server);
}

async function bind(server: Server, { listen, tls }: ServerSettings): Promise<string> {
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(
          tls.clientCa ?? null,
          [{ cert_chain: tls.certificate, private_key: tls.key }],
          tls.clientCa !== undefined,
        );
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
