import { rmSync } from 'node:fs';
import path from 'node:path';

import type { ChannelCredentials, Client, ClientOptions } from '@grpc/grpc-js';

import { EmbeddingSurgeryServiceClient } from '@pemmican/contract/surgery';
import { TrainerServiceClient } from '@pemmican/contract/trainer';
import { VocabularyAnalysisServiceClient } from '@pemmican/contract/vocabulary';

import { CliError, EXIT_CODE, usageError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ServerOptions, ServiceName } from '../options/common-options.ts';
import { channelCredentials, channelOptions } from './grpc-client.ts';
import { createPrivateDirectory } from './private-directory.ts';
import { ServiceProcess } from './service-process.ts';

/** A remote service that does not answer within this time is unreachable. */
const CONNECT_TIMEOUT_MS = 4000;

const SERVICES_FOLDER = path.resolve(import.meta.dirname, '../../../../services');

/** A private socket, and files that this user may use anyway: what guards a shared service is not for an embedded one. */
const GUARDING_VARIABLE = /^PEMMICAN_(?:TLS_|JWT_|TOKENS_FILE$|ARTIFACT_ROOTS$|HEALTH_LISTEN$)/;

type ClientConstructor<T> = new (address: string, credentials: ChannelCredentials, options: ClientOptions) => T;

/** Clients of the services that a verb needs: started in processes of their own, or found at the given addresses. */
export class ServicePool implements AsyncDisposable {
  readonly #options: ServerOptions;
  readonly #context: CommandContext;
  readonly #processes = new Map<ServiceName, ServiceProcess>();
  readonly #clients = new Map<ServiceName, Client>();
  #directory: string | undefined;
  #forgetCleanUp: () => void = () => undefined;

  private constructor(options: ServerOptions, context: CommandContext) {
    this.#options = options;
    this.#context = context;
  }

  /**
   * Starts or finds the services.
   * @throws CliError when one does not start or cannot be reached
   */
  static async open(
    names: readonly ServiceName[],
    options: ServerOptions,
    context: CommandContext,
  ): Promise<ServicePool> {
    const pool = new ServicePool(options, context);
    // All are waited for, so that what has started when one fails is stopped as well.
    const opened = await Promise.allSettled(names.map(async (name) => pool.#open(name)));
    const failed = opened.find((result) => result.status === 'rejected');
    if (failed !== undefined || context.interrupt.signal.aborted) {
      await pool[Symbol.asyncDispose]();
      throw failed === undefined ? context.interrupt.signal.reason : failed.reason;
    }
    return pool;
  }

  get vocabulary(): VocabularyAnalysisServiceClient {
    return this.#client('vocabulary-analysis') as VocabularyAnalysisServiceClient;
  }

  get surgery(): EmbeddingSurgeryServiceClient {
    return this.#client('embedding-surgery') as EmbeddingSurgeryServiceClient;
  }

  get trainer(): TrainerServiceClient {
    return this.#client('trainer') as TrainerServiceClient;
  }

  /** Whether the service runs in this command's own process tree. */
  isEmbedded(name: ServiceName): boolean {
    return this.#processes.has(name);
  }

  /** Why an embedded service will not come back; undefined while it may. */
  failureOf(name: ServiceName): CliError | undefined {
    return this.#processes.get(name)?.failure;
  }

  /** Process id of an embedded service. */
  processIdOf(name: ServiceName): number | undefined {
    return this.#processes.get(name)?.processId;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    await Promise.all([...this.#processes.values()].map(async (service) => service.stop()));
    this.#forgetCleanUp();
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }

  async #open(name: ServiceName): Promise<void> {
    const remote = addressOf(name, this.#options);
    const address = remote ?? (await this.#start(name)).address;
    const Constructor = CLIENTS[name];
    // The Unix socket is private to this user: TLS options are for remote addresses only.
    const tls = remote === undefined ? {} : this.#options;
    const client = new Constructor(address, channelCredentials(tls, address), channelOptions(tls));
    this.#clients.set(name, client);
    if (remote !== undefined) await waitUntilReachable(client, name, remote);
  }

  async #start(name: ServiceName): Promise<ServiceProcess> {
    this.#directory ??= this.#createDirectory();
    const { output, environment } = this.#context;
    const service = await ServiceProcess.start({
      name,
      mainFile: path.join(SERVICES_FOLDER, name, 'src/main.ts'),
      directory: this.#directory,
      environment: { PEMMICAN_LOG_LEVEL: 'warn', ...unguarded(environment) },
      onRestart: (message) => {
        output.warn(message);
      },
    });
    this.#processes.set(name, service);
    return service;
  }

  #createDirectory(): string {
    this.#forgetCleanUp = this.#context.interrupt.beforeExit(() => {
      for (const service of this.#processes.values()) service.abandon();
    });
    return createPrivateDirectory();
  }

  #client(name: ServiceName): Client {
    const client = this.#clients.get(name);
    if (client === undefined) throw new Error(`${name} was not opened`);
    return client;
  }
}

const CLIENTS: Readonly<Record<ServiceName, ClientConstructor<Client>>> = {
  'vocabulary-analysis': VocabularyAnalysisServiceClient,
  'embedding-surgery': EmbeddingSurgeryServiceClient,
  trainer: TrainerServiceClient,
};

function unguarded(environment: CommandContext['environment']): CommandContext['environment'] {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !GUARDING_VARIABLE.test(name)));
}

function addressOf(name: ServiceName, options: ServerOptions): string | undefined {
  const own = {
    'vocabulary-analysis': options.vocabularyServer,
    'embedding-surgery': options.surgeryServer,
    trainer: options.trainerServer,
  }[name];
  const address = own ?? options.server;
  if (address?.trim() === '') throw usageError('A server address is empty');
  return address;
}

/** @throws CliError exit code 4 */
export async function waitUntilReachable(client: Client, name: string, address: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.waitForReady(Date.now() + CONNECT_TIMEOUT_MS, (error) => {
      if (error === undefined) resolve();
      else {
        reject(
          new CliError(
            EXIT_CODE.UNREACHABLE,
            `${name} cannot be reached at ${address} within ${CONNECT_TIMEOUT_MS / 1000} s`,
            {
              cause: error,
              hints: ['Is it running there? `pemmican serve all --listen HOST:PORT` starts all three services.'],
            },
          ),
        );
      }
    });
  });
}
