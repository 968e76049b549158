import { existsSync, readFileSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KubernetesError } from '../error.ts';
import { runCommand } from '@pemmican/setup';
import type { ControlPlane } from './control-plane.ts';
import { Daemon } from './daemon.ts';
import { NETWORK_PLUGINS_FOLDER } from './node-requirements.ts';
import { programsFolder } from './programs.ts';
import { PAUSE_IMAGE } from './pause-image.ts';

const READY_TIMEOUT_MS = 60_000;
const STOP_GRACE_MS = 10_000;
const KUBELET_PORT = 11_250;
/** The kubelet sets these for the whole machine when it starts, and does not put them back. */
const KERNEL_SETTINGS = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops'];
const CGROUP_FOLDER = '/sys/fs/cgroup';
const NAMESPACES_FOLDER = '/run/netns';

/**
 * A node: containerd and kubelet with folders, a network and a part of the cgroups of their own, so that several run on one machine.
 * Pods reach each other and this machine on a bridge; nothing is forwarded, and no rule of a firewall is made.
 */
export class Node {
  readonly name: string;
  readonly folder: string;
  readonly #index: number;
  #daemons: readonly Daemon[] = [];
  /** Namespaces of networks that were there before. */
  readonly #foreignNamespaces = podNamespaces();

  /** @param index 0 and up: decides on network and ports */
  private constructor(parentFolder: string, index: number) {
    this.#index = index;
    this.name = `node-${index + 1}`;
    this.folder = path.join(parentFolder, this.name);
  }

  get #subnet(): string {
    return `198.18.${100 + this.#index}`;
  }

  get address(): string {
    return `${this.#subnet}.1`;
  }

  get #bridge(): string {
    return `pemmican${this.#index}`;
  }

  get #socket(): string {
    return path.join(this.folder, 'containerd.sock');
  }

  get #cgroup(): string {
    return `/pemmican-${this.name}`;
  }

  /** Starts a node and waits until it is Ready. */
  static async start(parentFolder: string, index: number, controlPlane: ControlPlane): Promise<Node> {
    const node = new Node(parentFolder, index);
    await mkdir(path.join(node.folder, 'cni'), { recursive: true });
    const settings = KERNEL_SETTINGS.map((name) => [name, readFileSync(`/proc/sys/${name}`, 'utf8')] as const);
    try {
      await node.#makeNetwork();
      await node.#startContainerd();
      await node.#startKubelet(controlPlane);
    } catch (error) {
      await node.stop();
      throw error;
    } finally {
      for (const [name, value] of settings) writeFileSync(`/proc/sys/${name}`, value);
    }
    return node;
  }

  /** Puts an image's archive (of `docker save`, or OCI) where pods find it. */
  async importImage(archive: string): Promise<void> {
    await this.#ctr('images', 'import', archive);
  }

  /** Kills a container's first process from outside, as the kernel would. @param id as the pod's status has it */
  async killContainer(id: string): Promise<void> {
    await this.#ctr('tasks', 'kill', '-s', 'SIGKILL', id);
  }

  async images(): Promise<string[]> {
    return (await this.#ctr('images', 'ls', '-q')).split('\n').filter((name) => name !== '');
  }

  /** Ends every container, then what ran them, and takes away what they have left on the machine. */
  async stop(): Promise<void> {
    const [kubelet, ...others] = this.#daemons.toReversed();
    await kubelet?.stop(STOP_GRACE_MS);
    if (others.some((daemon) => daemon.isRunning)) await this.#endContainers();
    const shims = this.#shims();
    for (const daemon of others) await daemon.stop(STOP_GRACE_MS);
    for (const pid of shims) killIfRunning(pid);
    await this.#removeTraces();
  }

  async #makeNetwork(): Promise<void> {
    await ip('link', 'add', this.#bridge, 'type', 'bridge');
    await ip('address', 'add', `${this.address}/24`, 'dev', this.#bridge);
    await ip('link', 'set', this.#bridge, 'up');
    const range = { subnet: `${this.#subnet}.0/24`, rangeStart: `${this.#subnet}.10`, gateway: this.address };
    const ipam = { type: 'host-local', dataDir: path.join(this.folder, 'ipam'), ranges: [[range]] };
    const bridge = { type: 'bridge', bridge: this.#bridge, isGateway: false, ipMasq: false, ipam };
    const network = { cniVersion: '0.4.0', name: this.#bridge, plugins: [bridge] };
    await writeFile(path.join(this.folder, 'cni/10-bridge.conflist'), JSON.stringify(network));
  }

  async #startContainerd(): Promise<void> {
    const config = path.join(this.folder, 'containerd.toml');
    await writeFile(
      config,
      `version = 2
root = "${this.folder}/images"
state = "${this.folder}/state"
[grpc]
  address = "${this.#socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # A machine that is a container itself may not raise the priority of what it starts.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${NETWORK_PLUGINS_FOLDER}"
    conf_dir = "${this.folder}/cni"
`,
    );
    const containerd = Daemon.start(this.folder, 'containerd', 'containerd', ['--config', config]);
    this.#daemons = [containerd];
    await containerd.untilReady(
      async () => (await runCommand('ctr', ['--address', this.#socket, 'version'])).code === 0,
      READY_TIMEOUT_MS,
    );
  }

  async #startKubelet({ certificates, kubectl, server }: ControlPlane): Promise<void> {
    await certificates.issue(this.name, `/O=system:nodes/CN=system:node:${this.name}`, [
      `IP:${this.address}`,
      `DNS:${this.name}`,
    ]);
    for (const folder of cgroupFolders()) await mkdir(path.join(folder, this.#cgroup), { recursive: true });
    await seedCpusets(this.#cgroup);
    const config = path.join(this.folder, 'kubelet.json');
    await writeFile(config, JSON.stringify(this.#kubeletConfiguration(certificates), undefined, 2));
    const kubeconfig = await certificates.writeKubeconfig(this.name, server);
    const kubelet = Daemon.start(this.folder, 'kubelet', path.join(programsFolder(), 'kubelet'), [
      ...['--config', config, '--kubeconfig', kubeconfig, '--hostname-override', this.name, '--node-ip', this.address],
      ...[
        '--root-dir',
        path.join(this.folder, 'kubelet'),
        '--cert-dir',
        path.join(this.folder, 'kubelet-certificates'),
      ],
    ]);
    this.#daemons = [...this.#daemons, kubelet];
    const ready = ['get', 'node', this.name, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'];
    await kubelet.untilReady(async () => (await kubectl.try(ready)).stdout === 'True', READY_TIMEOUT_MS);
  }

  #kubeletConfiguration(certificates: ControlPlane['certificates']): object {
    return {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      address: this.address,
      port: KUBELET_PORT + this.#index,
      readOnlyPort: 0,
      healthzPort: 0,
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: false },
        x509: { clientCAFile: certificates.certificate('ca') },
      },
      authorization: { mode: 'AlwaysAllow' },
      tlsCertFile: certificates.certificate(this.name),
      tlsPrivateKeyFile: certificates.key(this.name),
      cgroupDriver: 'cgroupfs',
      cgroupRoot: this.#cgroup,
      failCgroupV1: false,
      failSwapOn: false,
      makeIPTablesUtilChains: false,
      enforceNodeAllocatable: [],
      oomScoreAdj: 0,
      maxOpenFiles: 20_000,
      imageGCHighThresholdPercent: 100,
      evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1Mi', 'imagefs.available': '1Mi' },
      containerRuntimeEndpoint: `unix://${this.#socket}`,
      podLogsDir: path.join(this.folder, 'pod-logs'),
      volumePluginDir: path.join(this.folder, 'volume-plugins'),
    };
  }

  async #ctr(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runCommand('ctr', ['--address', this.#socket, '-n', 'k8s.io', ...args]);
    if (code !== 0) throw new KubernetesError('CLUSTER_FAILED', `ctr ${args.join(' ')}: ${stderr.trim()}`);
    return stdout;
  }

  async #endContainers(): Promise<void> {
    const lines = async (...args: string[]): Promise<string[]> =>
      (await this.#ctr(...args).catch(() => '')).split('\n').filter((line) => line !== '');
    for (const task of await lines('tasks', 'ls', '-q'))
      await this.#ctr('tasks', 'kill', '-s', 'KILL', task).catch(() => undefined);
    await delay(1000);
    for (const container of await lines('containers', 'ls', '-q'))
      await this.#ctr('tasks', 'rm', '-f', container).catch(() => undefined);
  }

  /** Processes between containerd and each container: they outlive it. */
  #shims(): number[] {
    const tasks = path.join(this.folder, 'state/io.containerd.runtime.v2.task/k8s.io');
    if (!existsSync(tasks)) return [];
    const pids = readdirSync(tasks).flatMap((task) => {
      try {
        const pid = readFileSync(path.join(tasks, task, 'init.pid'), 'utf8').trim();
        return [Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)];
      } catch {
        return []; // it has ended
      }
    });
    return [...new Set(pids)].filter((pid) => pid > 1);
  }

  /** Mounts, interfaces, namespaces of networks and cgroups; the folder is removed by who made it. */
  async #removeTraces(): Promise<void> {
    const mounts = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '');
    for (const mount of mounts
      .filter((place) => place.startsWith(`${this.folder}/`))
      .sort()
      .reverse())
      await runCommand('umount', ['-l', mount]);
    const { stdout } = await runCommand('ip', ['-o', 'link', 'show', 'master', this.#bridge]);
    for (const [, name = ''] of stdout.matchAll(/^\d+: (veth[^@:]+)/gm))
      await runCommand('ip', ['link', 'delete', name]);
    await runCommand('ip', ['link', 'delete', this.#bridge]);
    for (const name of podNamespaces())
      if (!this.#foreignNamespaces.includes(name)) await runCommand('ip', ['netns', 'delete', name]);
    for (const folder of allCgroupFolders()) removeCgroups(path.join(folder, this.#cgroup));
    rmSync(path.join(this.folder, 'ipam'), { recursive: true, force: true });
  }
}

/** Namespaces that network plugins have made for pods. */
function podNamespaces(): string[] {
  return existsSync(NAMESPACES_FOLDER) ? readdirSync(NAMESPACES_FOLDER).filter((name) => name.startsWith('cni-')) : [];
}

async function ip(...args: string[]): Promise<void> {
  const { code, stderr } = await runCommand('ip', args);
  if (code !== 0) throw new KubernetesError('CLUSTER_FAILED', `ip ${args.join(' ')}: ${stderr.trim()}`);
}

/** The hierarchies of version 1 that kubelets use, or the one of version 2. */
function cgroupFolders(): string[] {
  // Beside those of version 1 this one has no controller; runc makes its part of it by itself.
  return allCgroupFolders().filter((folder) => path.basename(folder) !== 'unified');
}

function allCgroupFolders(): string[] {
  if (existsSync(path.join(CGROUP_FOLDER, 'cgroup.controllers'))) return [CGROUP_FOLDER];
  return readdirSync(CGROUP_FOLDER)
    .map((name) => path.join(CGROUP_FOLDER, name))
    .filter((folder) => existsSync(path.join(folder, 'cgroup.procs')));
}

/** In version 1 a new cpuset has neither cores nor memory until it is told of them. */
async function seedCpusets(cgroup: string): Promise<void> {
  const root = path.join(CGROUP_FOLDER, 'cpuset');
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    const file = path.join(root, cgroup, name);
    if (existsSync(file)) await writeFile(file, readFileSync(path.join(root, name), 'utf8'));
  }
}

function removeCgroups(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeCgroups(path.join(folder, entry.name));
  try {
    // rmdir: its files are the kernel's.
    rmdirSync(folder);
  } catch {
    // A process that has not ended yet holds it; it goes with the machine.
  }
}

function killIfRunning(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
