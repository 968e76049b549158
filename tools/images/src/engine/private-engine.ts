import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ImagesError } from '../error.ts';
import { runCommand } from '@pemmican/setup';
import { daemonPid, startDaemon, stopDaemon, waitUntil, type Daemon } from './daemon.ts';
import { engineAnswers } from './find-engine.ts';
import { findProgram } from './install-docker.ts';

// 198.18.0.0/15 is for tests of networks (RFC 2544): no host that a container may want to reach is there.
const BRIDGE_ADDRESS = '198.18.0.1';
const BRIDGE_SUBNET = `${BRIDGE_ADDRESS}/24`;
const NETWORK_POOL = 'base=198.18.128.0/17,size=26';
const START_TIMEOUT_MS = 30_000;
const STOP_GRACE_MS = 20_000;
const LOG_TAIL_CHARACTERS = 3000;

/** A Docker engine of our own: a socket and folder that nobody else has, and containers that reach each other and this host only. */
export class PrivateEngine {
  readonly folder: string;
  readonly socket: string;
  readonly #engine: Daemon;
  readonly #containerd: Daemon;
  readonly #nameServer: Daemon;

  /** @param folder short, as a socket's path has at most 107 bytes, and on a disk with room for images */
  constructor(folder: string) {
    this.folder = folder;
    this.socket = path.join(folder, 'docker.sock');
    this.#engine = { pidFile: path.join(folder, 'dockerd.pid'), mark: this.socket };
    this.#containerd = {
      pidFile: path.join(folder, 'exec/containerd/containerd.pid'),
      mark: path.join(folder, 'exec/containerd'),
    };
    this.#nameServer = { pidFile: path.join(folder, 'name-server.pid'), mark: 'name-server.ts' };
  }

  get isRunning(): boolean {
    return daemonPid(this.#engine) !== undefined;
  }

  /**
   * Starts it where it does not run. The caller holds the lock of the folder.
   * @throws ImagesError NO_ENGINE with the end of the engine's log
   */
  async start(): Promise<void> {
    this.#prepareFolder();
    if (!(await engineAnswers(this.socket))) await this.#startEngine();
    if (daemonPid(this.#nameServer) === undefined) await this.#startNameServer();
  }

  /**
   * Stops it and what it started. Images stay for the next start.
   * @param isPurged removes them, and the folder, too
   */
  async stop(isPurged: boolean): Promise<void> {
    const wasRunning = this.isRunning;
    await stopDaemon(this.#engine, STOP_GRACE_MS);
    await stopDaemon(this.#containerd, STOP_GRACE_MS);
    await stopDaemon(this.#nameServer, STOP_GRACE_MS);
    // Another engine of the machine has a bridge of that name too.
    if (wasRunning) await runCommand('ip', ['link', 'delete', 'docker0']);
    if (!isPurged) return;
    // What a killed engine has left mounted would keep its folder from being removed.
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
    const ours = mounts.flatMap((line) => line.split(' ')[1] ?? []).filter((at) => at.startsWith(`${this.folder}/`));
    for (const at of ours.sort().reverse()) await runCommand('umount', ['-l', at]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #prepareFolder(): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o711 });
    const { uid } = lstatSync(this.folder);
    // In a folder for everybody somebody else may have been there first.
    if (!lstatSync(this.folder).isDirectory() || uid !== process.getuid?.())
      throw new ImagesError(
        'NO_ENGINE',
        `${this.folder} belongs to somebody else; name another with PEMMICAN_ENGINE_FOLDER`,
      );
    chmodSync(this.folder, 0o711);
  }

  async #startEngine(): Promise<void> {
    // A killed engine leaves its containerd, which would keep the next one from starting.
    if (daemonPid(this.#engine) === undefined) {
      await stopDaemon(this.#containerd, STOP_GRACE_MS);
      rmSync(this.#engine.pidFile, { force: true });
      for (const name of ['containerd.sock', 'containerd.sock.ttrpc', 'containerd-debug.sock'])
        rmSync(path.join(this.folder, 'exec/containerd', name), { force: true });
      const logFile = path.join(this.folder, 'dockerd.log');
      startDaemon({ ...this.#engine, writesPidFile: true }, requireProgram('dockerd'), this.#arguments(), logFile);
    }
    if (await waitUntil(() => engineAnswers(this.socket), START_TIMEOUT_MS)) return;
    throw new ImagesError(
      'NO_ENGINE',
      `The Docker engine did not start; its log ends with\n${this.#logTail('dockerd.log')}`,
    );
  }

  #arguments(): string[] {
    return [
      ...['--host', `unix://${this.socket}`],
      ...['--data-root', path.join(this.folder, 'data')],
      ...['--exec-root', path.join(this.folder, 'exec')],
      ...['--pidfile', this.#engine.pidFile],
      // Nothing of the machine's own network is changed: ports are passed on by a process, and on loopback alone.
      ...['--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'],
      ...['--userland-proxy=true', '--ip', '127.0.0.1'],
      ...['--bip', BRIDGE_SUBNET, '--default-address-pool', NETWORK_POOL, '--dns', BRIDGE_ADDRESS],
      ...['--log-level', 'warn'],
    ];
  }

  async #startNameServer(): Promise<void> {
    const script = path.join(import.meta.dirname, 'name-server.ts');
    const logFile = path.join(this.folder, 'name-server.log');
    startDaemon(this.#nameServer, process.execPath, [script, BRIDGE_ADDRESS], logFile);
    const isReady = (): boolean => existsSync(logFile) && readFileSync(logFile, 'utf8').includes('listens');
    if (await waitUntil(isReady, START_TIMEOUT_MS)) return;
    throw new ImagesError(
      'NO_ENGINE',
      `The name server of the engine did not start:\n${this.#logTail('name-server.log')}`,
    );
  }

  #logTail(name: string): string {
    const file = path.join(this.folder, name);
    return existsSync(file) ? readFileSync(file, 'utf8').slice(-LOG_TAIL_CHARACTERS) : `(no ${file})`;
  }
}

function requireProgram(name: string): string {
  const found = findProgram(name);
  if (found === undefined) throw new ImagesError('MISSING_TOOL', `${name} is not installed`);
  return found;
}
