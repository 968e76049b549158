import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from '@pemmican/setup';
import { Certificates } from './certificates.ts';
import { Daemon } from './daemon.ts';
import { Kubectl } from './kubectl.ts';
import { programsFolder } from './programs.ts';

/** Ports of this machine's loopback. */
const API_PORT = 16_443;
const ETCD_PORT = 12_379;
/** RFC 2544 gives 198.18.0.0/15 to tests: it is nobody's network. */
export const SERVICE_NETWORK = '198.19.0.0/24';
const SERVICE_ADDRESS = '198.19.0.1';

const READY_TIMEOUT_MS = 120_000;
const STOP_GRACE_MS = 5_000;

/** etcd, the API server, the controllers and the scheduler, as processes of this machine. */
export class ControlPlane {
  readonly certificates: Certificates;
  readonly server: string;
  readonly kubectl: Kubectl;
  readonly #daemons: readonly Daemon[];

  private constructor(certificates: Certificates, server: string, kubectl: Kubectl, daemons: readonly Daemon[]) {
    this.certificates = certificates;
    this.server = server;
    this.kubectl = kubectl;
    this.#daemons = daemons;
  }

  /** Starts all of it in a folder of its own. */
  static async start(folder: string): Promise<ControlPlane> {
    const logs = path.join(folder, 'control-plane');
    await mkdir(logs, { recursive: true });
    const certificates = await Certificates.create(path.join(folder, 'certificates'));
    const server = `https://127.0.0.1:${API_PORT}`;
    await issueCertificates(certificates);
    const kubeconfig = await certificates.writeKubeconfig('admin', server);
    const kubectl = await Kubectl.open(kubeconfig, 'default');
    const daemons: Daemon[] = [];
    const start = (name: string, args: readonly string[]): Daemon => {
      const daemon = Daemon.start(logs, name, path.join(programsFolder(), name), args);
      // Stopped from the front: with etcd gone the API server would wait for ever.
      daemons.unshift(daemon);
      return daemon;
    };
    try {
      start('etcd', etcdArguments(folder));
      const api = start('kube-apiserver', apiServerArguments(certificates));
      await api.untilReady(async () => (await kubectl.try(['get', '--raw', '/readyz'])).code === 0, READY_TIMEOUT_MS);
      const controllers = start('kube-controller-manager', await controllerArguments(certificates, server));
      start('kube-scheduler', await schedulerArguments(certificates, server));
      const hasAccount = async (): Promise<boolean> =>
        (await kubectl.try(['get', 'serviceaccount', 'default'])).code === 0;
      await controllers.untilReady(hasAccount, READY_TIMEOUT_MS);
    } catch (error) {
      for (const daemon of daemons) await daemon.stop(STOP_GRACE_MS);
      throw error;
    }
    return new ControlPlane(certificates, server, kubectl, daemons);
  }

  async stop(): Promise<void> {
    for (const daemon of this.#daemons) await daemon.stop(STOP_GRACE_MS);
  }

  /** What `etcd --version` and the like would say, of the server that runs. */
  async version(): Promise<string> {
    const { stdout } = await runCommand(path.join(programsFolder(), 'kube-apiserver'), ['--version']);
    return stdout.trim();
  }
}

async function issueCertificates(certificates: Certificates): Promise<void> {
  const names = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map(
    (name) => `DNS:${name}`,
  );
  await certificates.issue('api', '/CN=kube-apiserver', ['IP:127.0.0.1', `IP:${SERVICE_ADDRESS}`, ...names]);
  await certificates.issue('admin', '/O=system:masters/CN=admin');
  await certificates.issue('controllers', '/CN=system:kube-controller-manager');
  await certificates.issue('scheduler', '/CN=system:kube-scheduler');
  await certificates.issue('api-to-kubelet', '/O=system:masters/CN=api-to-kubelet');
}

const etcdArguments = (folder: string): string[] => [
  ...['--data-dir', path.join(folder, 'etcd')],
  ...['--listen-client-urls', `http://127.0.0.1:${ETCD_PORT}`],
  ...['--advertise-client-urls', `http://127.0.0.1:${ETCD_PORT}`],
  ...['--listen-peer-urls', `http://127.0.0.1:${ETCD_PORT + 1}`],
  ...['--unsafe-no-fsync', '--log-level', 'warn'],
];

const apiServerArguments = (certificates: Certificates): string[] => [
  ...['--etcd-servers', `http://127.0.0.1:${ETCD_PORT}`],
  ...['--bind-address', '127.0.0.1', '--advertise-address', '127.0.0.1', '--secure-port', String(API_PORT)],
  ...['--endpoint-reconciler-type', 'none', '--service-cluster-ip-range', SERVICE_NETWORK],
  ...['--tls-cert-file', certificates.certificate('api'), '--tls-private-key-file', certificates.key('api')],
  ...['--client-ca-file', certificates.certificate('ca'), '--authorization-mode', 'Node,RBAC'],
  ...['--service-account-issuer', 'https://kubernetes.default.svc'],
  ...['--service-account-key-file', certificates.key('service-accounts')],
  ...['--service-account-signing-key-file', certificates.key('service-accounts')],
  ...['--cert-dir', certificates.folder],
  ...['--kubelet-certificate-authority', certificates.certificate('ca')],
  ...['--kubelet-client-certificate', certificates.certificate('api-to-kubelet')],
  ...['--kubelet-client-key', certificates.key('api-to-kubelet')],
  ...['--kubelet-preferred-address-types', 'InternalIP'],
];

async function controllerArguments(certificates: Certificates, server: string): Promise<string[]> {
  const kubeconfig = await certificates.writeKubeconfig('controllers', server);
  return [
    ...clientArguments(kubeconfig, API_PORT + 1, certificates),
    ...['--use-service-account-credentials', '--root-ca-file', certificates.certificate('ca')],
    ...['--service-account-private-key-file', certificates.key('service-accounts')],
    // Of a node that is gone one hears soon, as the tests wait for it.
    ...['--node-monitor-grace-period', '20s'],
  ];
}

async function schedulerArguments(certificates: Certificates, server: string): Promise<string[]> {
  return clientArguments(await certificates.writeKubeconfig('scheduler', server), API_PORT + 2, certificates);
}

const clientArguments = (kubeconfig: string, port: number, certificates: Certificates): string[] => [
  ...['--kubeconfig', kubeconfig, '--authentication-kubeconfig', kubeconfig, '--authorization-kubeconfig', kubeconfig],
  ...['--bind-address', '127.0.0.1', '--secure-port', String(port), '--cert-dir', certificates.folder],
  ...['--leader-elect=false'],
];
