import { chmodSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '@pemmican/testkit';
import {
  GenericContainer,
  getContainerRuntimeClient,
  Network,
  Wait,
  type StartedNetwork,
  type StartedTestContainer,
} from 'testcontainers';
import { testImages } from '../images-for-tests.ts';
import { SERVICE_PORTS, type ServiceName } from '../services.ts';

const START_TIMEOUT_MS = 60_000;
const ARTIFACTS_FOLDER = '/data';
const STATE_FOLDER = '/var/lib/pemmican';

/** How a container differs from one that its image's defaults make. */
export interface ServiceContainerOptions {
  /** Folder of this machine that is the container's `/data`. */
  readonly artifacts: string;
  /** Where the folder stands in the container instead, for clients that read it too. */
  readonly artifactsAt?: string;
  /** Volume of what the service keeps; one of its own, removed with it, where not given. */
  readonly stateVolume?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Most memory of all of its processes. */
  readonly memoryBytes?: number;
  /** File systems in memory, with their size in bytes, below the artifacts, e.g. `/data/small`. */
  readonly smallDisks?: Readonly<Record<string, number>>;
  readonly network?: StartedNetwork;
}

/** A network of its own for containers, which find each other by the names of their services. */
export async function startNetwork(): Promise<StartedNetwork> {
  await testImages();
  return new Network().start();
}

/** Takes the protected part of a container's description that the library has no method for. */
class HardenedContainer extends GenericContainer {
  constructor(image: string) {
    super(image);
    this.hostConfig.ReadonlyRootfs = true;
    this.hostConfig.SecurityOpt = ['no-new-privileges'];
  }

  /** Memory without swap, of which Docker would give as much again where the machine has any. */
  withMemory(bytes: number): this {
    this.hostConfig.Memory = bytes;
    this.hostConfig.MemorySwap = bytes;
    return this;
  }
}

/**
 * A service in a container, as a restricted namespace of Kubernetes would run it: not as root, without capabilities, with a
 * read-only root. Its address stays the same over restarts.
 */
export class ServiceContainer {
  readonly service: ServiceName;
  /** Where this machine's clients connect. */
  readonly address: string;
  readonly #container: StartedTestContainer;

  private constructor(service: ServiceName, address: string, container: StartedTestContainer) {
    this.service = service;
    this.address = address;
    this.#container = container;
  }

  /**
   * Starts a container and waits until its service listens.
   * @param hostPort a port of this machine, where clients know the address already
   */
  static async start(
    service: ServiceName,
    options: ServiceContainerOptions,
    hostPort?: number,
  ): Promise<ServiceContainer> {
    const { nameOf } = await testImages();
    const port = hostPort ?? (await freePort());
    const at = options.artifactsAt ?? ARTIFACTS_FOLDER;
    const disks = Object.entries(options.smallDisks ?? {});
    for (const [folder] of disks) makeMountPoint(path.join(options.artifacts, path.relative(at, folder)));
    const described = new HardenedContainer(nameOf(service))
      .withExposedPorts({ container: SERVICE_PORTS[service], host: port })
      .withDroppedCapabilities('ALL')
      .withTmpFs({
        '/tmp': 'rw,size=64m,mode=1777',
        ...Object.fromEntries(disks.map(([folder, bytes]) => [folder, `rw,size=${bytes},mode=1777`])),
      })
      .withBindMounts([
        { source: options.artifacts, target: at, mode: 'rw' },
        ...(options.stateVolume === undefined
          ? []
          : [{ source: options.stateVolume, target: STATE_FOLDER, mode: 'rw' as const }]),
      ])
      .withEnvironment({ PEMMICAN_ARTIFACT_ROOTS: at, ...options.environment })
      .withWaitStrategy(Wait.forLogMessage(/ listens on /))
      .withStartupTimeout(START_TIMEOUT_MS);
    if (options.network !== undefined) described.withNetwork(options.network).withNetworkAliases(service);
    if (options.memoryBytes !== undefined) described.withMemory(options.memoryBytes);
    return new ServiceContainer(service, `127.0.0.1:${port}`, await described.start());
  }

  get id(): string {
    return this.#container.getId();
  }

  /** Stops all of its processes where they are. */
  async pause(): Promise<void> {
    await (await this.#runtime()).pause();
  }

  async unpause(): Promise<void> {
    await (await this.#runtime()).unpause();
  }

  /** Ends all of its processes at once, as a node that goes down does. */
  async kill(): Promise<void> {
    await (await this.#runtime()).kill({ signal: 'SIGKILL' });
  }

  /** Starts it again after its end. */
  async startAgain(): Promise<void> {
    const container = await this.#runtime();
    const since = Math.floor(Date.now() / 1000);
    await container.start();
    for (const deadline = Date.now() + START_TIMEOUT_MS; ; await delay(50)) {
      const log = await container.logs({ stdout: true, stderr: true, since });
      if (String(log).includes(' listens on ')) return;
      if (Date.now() > deadline) throw new Error(`${this.service} does not listen:\n${String(log)}`);
    }
  }

  /** Asks it to end, as Kubernetes does, and waits until it has; gives its exit code. */
  async terminate(graceSeconds: number): Promise<number> {
    const container = await this.#runtime();
    await container.stop({ t: graceSeconds });
    const { State } = await container.inspect();
    return State.ExitCode;
  }

  /** Runs a program in it. */
  async execute(...command: readonly string[]): Promise<{ readonly exitCode: number; readonly output: string }> {
    return this.#container.exec([...command]);
  }

  /** What its processes have said so far. */
  async log(): Promise<string> {
    return String(await (await this.#runtime()).logs({ stdout: true, stderr: true }));
  }

  /** Takes it off a network. */
  async disconnect(network: StartedNetwork): Promise<void> {
    await (await this.#network(network)).disconnect({ Container: this.id, Force: true });
  }

  /** Puts it back. */
  async connect(network: StartedNetwork): Promise<void> {
    await (await this.#network(network)).connect({ Container: this.id, EndpointConfig: { Aliases: [this.service] } });
  }

  /** Removes it, with its own volumes. */
  async remove(): Promise<void> {
    await this.#container.stop({ timeout: 0, removeVolumes: true });
  }

  async #runtime() {
    return (await getContainerRuntimeClient()).container.getById(this.id);
  }

  async #network(network: StartedNetwork) {
    return (await getContainerRuntimeClient()).network.getById(network.getId());
  }
}

/** What is mounted there gets the mode of the folder below it each time the container starts. */
function makeMountPoint(folder: string): void {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o777);
}
