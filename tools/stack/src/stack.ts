import { writeFileSync } from 'node:fs';
import { SERVICE_NAMES } from '@pemmican/images';
import { tryLockFile } from '@pemmican/run-store';
import type { FoundProgram } from '@pemmican/setup/observability';
import { startDashboards, type DashboardServer } from './dashboards/server.ts';
import { StackError } from './error.ts';
import { makePlaces, type StackPlaces } from './places.ts';
import { collectorEnvironment, collectorPlan, prometheusPlan, servicePlan } from './plans.ts';
import { HOST, choosePorts, type PortName, type Ports } from './ports.ts';
import { RunningProgram } from './running-program.ts';

/** What a stack is made of. */
export interface StackOptions {
  /** Folder of states and logs. */
  readonly directory: string;
  /** Port by name, 0 for any free one. */
  readonly ports: Ports;
  /** Left out where it is not there. */
  readonly prometheus: FoundProgram | undefined;
  readonly collector: FoundProgram | undefined;
}

/** Services, collector, Prometheus and dashboards on this machine. */
export class Stack {
  readonly ports: Ports;
  readonly places: StackPlaces;
  readonly options: StackOptions;
  readonly #unlock: () => void;
  readonly #programs: RunningProgram[] = [];
  #dashboards: DashboardServer | undefined;

  private constructor(options: StackOptions, ports: Ports, places: StackPlaces, unlock: () => void) {
    this.options = options;
    this.ports = ports;
    this.places = places;
    this.#unlock = unlock;
  }

  /**
   * Finds a port for everything, makes the folders and takes them for this stack until it is stopped.
   * @throws StackError PORT_TAKEN, DIRECTORY_IN_USE
   */
  static async prepare(options: StackOptions): Promise<Stack> {
    const ports = await choosePorts(options.ports, listeningNames(options));
    const places = makePlaces(options.directory);
    const unlock = tryLockFile(places.lockFile);
    if (unlock === undefined)
      throw new StackError(
        'DIRECTORY_IN_USE',
        `Another stack has ${options.directory} in use; stop that one, or give this one a --directory of its own`,
      );
    return new Stack(options, ports, places, unlock);
  }

  /**
   * Starts everything and waits until all of it answers, or the signal is aborted.
   * @throws StackError ENDED, NOT_READY; what runs by then is for the caller to stop
   */
  async start(signal: AbortSignal): Promise<void> {
    const { ports, places } = this;
    const { prometheus, collector } = this.options;
    const hasCollector = collector !== undefined;
    const plans = [
      ...SERVICE_NAMES.map((name) => servicePlan(name, ports, places, hasCollector)),
      ...(collector === undefined ? [] : [collectorPlan(collector, ports, places)]),
      ...(prometheus === undefined ? [] : [prometheusPlan(prometheus, ports, places, hasCollector)]),
    ];
    for (const plan of plans) this.#programs.push(new RunningProgram(plan));
    await Promise.all(this.#programs.map((program) => program.ready(signal)));
    if (prometheus !== undefined && !signal.aborted)
      this.#dashboards = await startDashboards({
        port: ports.dashboards,
        prometheusUrl: `http://${HOST}:${ports.prometheus}`,
      });
    const lines = Object.entries(this.environment).map(([name, value]) => `export ${name}=${value}\n`);
    writeFileSync(places.environmentFile, lines.join(''));
  }

  /** Rejects when a program ends by itself. */
  async failure(): Promise<never> {
    throw await Promise.race(this.#programs.map((program) => program.ended()));
  }

  /** Stops all: first the services, which send their last spans, then what takes them. */
  async stop(): Promise<void> {
    await this.#dashboards?.close();
    const serviceCount = SERVICE_NAMES.length;
    await Promise.all(this.#programs.slice(0, serviceCount).map((program) => program.stop()));
    await Promise.all(this.#programs.slice(serviceCount).map((program) => program.stop()));
    this.#unlock();
  }

  /** Ends all at once. */
  kill(): void {
    for (const program of this.#programs) program.kill();
  }

  /** What the command has to be told to use the stack. */
  get environment(): Readonly<Record<string, string>> {
    return {
      PEMMICAN_VOCABULARY_SERVER: `${HOST}:${this.ports['vocabulary-analysis']}`,
      PEMMICAN_SURGERY_SERVER: `${HOST}:${this.ports['embedding-surgery']}`,
      PEMMICAN_TRAINER_SERVER: `${HOST}:${this.ports.trainer}`,
      ...(this.options.collector === undefined ? {} : collectorEnvironment(this.ports)),
    };
  }
}

function listeningNames({ prometheus, collector }: StackOptions): readonly PortName[] {
  return [
    ...SERVICE_NAMES.flatMap((name) => [name, `${name}-metrics`] as const),
    ...(collector === undefined ? [] : (['otlp-grpc', 'otlp-http', 'collector-metrics'] as const)),
    ...(prometheus === undefined ? [] : (['prometheus', 'dashboards'] as const)),
  ];
}
