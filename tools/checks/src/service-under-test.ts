import type { ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { callRaw, endProcess, forkService, type ServiceProcess } from '@pemmican/testkit';

/** A real service in a process of its own, and what its process takes. */
export class ServiceUnderTest {
  readonly address: string;
  /** Resolves when it listens; rejects when it ends before. */
  readonly ready: Promise<unknown>;
  readonly #process: ChildProcess;
  readonly #log: string[] = [];

  private constructor(address: string, { child, listening }: ServiceProcess) {
    this.address = address;
    this.#process = child;
    child.stderr?.on('data', (text: Buffer) => this.#log.push(text.toString()));
    this.ready = listening;
  }

  /** @param name folder below `services/` */
  static launch(name: string, folder: string, environment: Readonly<Record<string, string>>): ServiceUnderTest {
    const address = `unix:${path.join(folder, 'socket')}`;
    const own = {
      PEMMICAN_LISTEN: address,
      PEMMICAN_STATE_DIRECTORY: path.join(folder, 'state'),
      PEMMICAN_LOG_LEVEL: 'error',
      // Nothing listens there.
      HF_ENDPOINT: 'http://127.0.0.1:9',
      ...environment,
    };
    return new ServiceUnderTest(address, forkService(name, own, 'pipe'));
  }

  /** The same, once it listens. */
  static async start(
    name: string,
    folder: string,
    environment: Readonly<Record<string, string>>,
  ): Promise<ServiceUnderTest> {
    const service = ServiceUnderTest.launch(name, folder, environment);
    await service.ready;
    return service;
  }

  /** What it has written to its error stream: lines of its log, and what Node says. */
  get log(): string {
    return this.#log.join('');
  }

  connect(): Client {
    return new Client(this.address, credentials.createInsecure(), { 'grpc.max_send_message_length': -1 });
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Open files, sockets and pipes of its process. */
  openFileCount(): number {
    return readdirSync(`/proc/${this.#process.pid}/fd`).length;
  }

  residentBytes(): number {
    const [, pages = '0'] = readFileSync(`/proc/${this.#process.pid}/statm`, 'utf8').split(' ');
    return Number(pages) * 4096;
  }

  /** Waits until no more files are open than that; gives how many are. */
  async untilOpenFiles(atMost: number, timeoutMs: number): Promise<number> {
    for (const deadline = Date.now() + timeoutMs; ; await delay(50)) {
      const count = this.openFileCount();
      if (count <= atMost || Date.now() > deadline) return count;
    }
  }

  /** Whether its health check says SERVING. */
  async isServing(): Promise<boolean> {
    const client = this.connect();
    try {
      const [answer] = await callRaw(client, '/grpc.health.v1.Health/Check', [Buffer.alloc(0)], { deadlineMs: 5000 });
      return answer?.equals(Buffer.of(8, 1)) ?? false;
    } finally {
      client.close();
    }
  }

  async stop(): Promise<void> {
    await endProcess(this.#process, 'SIGKILL');
  }
}
