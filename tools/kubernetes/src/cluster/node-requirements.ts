import { existsSync } from 'node:fs';
import path from 'node:path';
import { runCommand } from '@pemmican/setup';

/** Where Debian's package containernetworking-plugins puts them. */
export const NETWORK_PLUGINS_FOLDER = '/usr/lib/cni';
const PACKAGES = ['containerd', 'runc', 'containernetworking-plugins', 'iproute2', 'openssl'];
const PROGRAMS = ['containerd', 'ctr', 'runc', 'ip', 'openssl', 'setpriv', 'unshare'];
const ADMINISTRATORS_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

function isProgramThere(name: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), ...ADMINISTRATORS_FOLDERS];
  return folders.some((folder) => existsSync(path.join(folder, name)));
}

const missing = (): string[] => [
  ...PROGRAMS.filter((name) => !isProgramThere(name)),
  ...(existsSync(path.join(NETWORK_PLUGINS_FOLDER, 'bridge')) ? [] : [`${NETWORK_PLUGINS_FOLDER}/bridge`]),
];

/**
 * Installs what a node takes of the system's own packages, where this user may.
 * @returns why no node can run here; undefined where one can
 */
export async function whyNoNode(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'a node is started by root, on Linux';
  if (missing().length === 0) return undefined;
  const { code, stderr } = await runCommand(
    'apt-get',
    ['install', '-y', '-qq', '--no-install-recommends', ...PACKAGES],
    {
      environment: { DEBIAN_FRONTEND: 'noninteractive' },
    },
  );
  if (missing().length === 0) return undefined;
  return `${missing().join(', ')} cannot be found; install ${PACKAGES.join(', ')}${code === 0 ? '' : `: ${stderr.trim().slice(-300)}`}`;
}
