import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { endProcess, forkService, makeTinyDataset, makeTinyModel } from '@pemmican/testkit';
import { TrainerServiceClient, type WatchRunResponse } from '@pemmican/contract/trainer';
import { credentials, Metadata } from '@grpc/grpc-js';

const CERTIFICATES = path.resolve(import.meta.dirname, '../../../libs/rpc/test/certificates');
const TOKEN = 'writer-token-0001';

/** The trainer as its users have it: a process that listens on a port, with a tiny model and data to train on. */
export class TrainerServer {
  readonly folder: string;
  /** What a client is told of it, as options of every example. */
  readonly options: readonly string[];
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #isGuarded: boolean;
  #client: TrainerServiceClient | undefined;

  private constructor(folder: string, isGuarded: boolean, child: ChildProcess, address: string) {
    this.folder = folder;
    this.#isGuarded = isGuarded;
    this.#process = child;
    this.port = Number(address.slice(address.lastIndexOf(':') + 1));
    this.options = isGuarded
      ? ['--tls-ca', path.join(CERTIFICATES, 'authority.pem'), '--token-file', path.join(folder, 'token')]
      : [];
  }

  /** @param isGuarded with a certificate and a token, as one that others reach has them */
  static async start(isGuarded: boolean): Promise<TrainerServer> {
    const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-clients-'));
    await makeTinyModel(path.join(folder, 'model'));
    await makeTinyDataset(path.join(folder, 'train.jsonl'), 64);
    writeFileSync(path.join(folder, 'tokens.csv'), `${TOKEN},example,writer\n`);
    writeFileSync(path.join(folder, 'token'), `${TOKEN}\n`);
    const guards = {
      PEMMICAN_TOKENS_FILE: path.join(folder, 'tokens.csv'),
      PEMMICAN_TLS_CERTIFICATE_FILE: path.join(CERTIFICATES, 'server.pem'),
      PEMMICAN_TLS_KEY_FILE: path.join(CERTIFICATES, 'server.key'),
    };
    const { child, listening } = forkService('trainer', {
      PEMMICAN_LISTEN: '127.0.0.1:0',
      PEMMICAN_STATE_DIRECTORY: path.join(folder, 'state'),
      PEMMICAN_LOG_LEVEL: 'silent',
      // One example after another: a run that is being cancelled does not keep the next one waiting.
      PEMMICAN_MAX_CONCURRENT_RUNS: '2',
      ...(isGuarded ? guards : {}),
    });
    return new TrainerServer(folder, isGuarded, child, await listening);
  }

  /** Every event of a run that has ended, from the first on, over one connection. */
  async events(name: string): Promise<WatchRunResponse[]> {
    this.#client ??= new TrainerServiceClient(
      `localhost:${this.port}`,
      this.#isGuarded
        ? credentials.createSsl(readFileSync(path.join(CERTIFICATES, 'authority.pem')))
        : credentials.createInsecure(),
    );
    const metadata = new Metadata();
    if (this.#isGuarded) metadata.set('authorization', `Bearer ${TOKEN}`);
    const events: WatchRunResponse[] = [];
    for await (const event of this.#client.watchRun(
      { name, resumeToken: '' },
      metadata,
    ) as AsyncIterable<WatchRunResponse>)
      events.push(event);
    return events;
  }

  async stop(): Promise<void> {
    this.#client?.close();
    await endProcess(this.#process, 'SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
