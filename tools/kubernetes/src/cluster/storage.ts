import { chown, mkdir, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { KubernetesError } from '../error.ts';
import { runCommand, type CommandOutcome } from '@pemmican/setup';
import type { Kubectl } from './kubectl.ts';

/** User and group of the images' processes. */
export const POD_USER_ID = 10_001;
/** Where pods find models, data and outputs; the command is told the same paths. */
export const ARTIFACTS_PATH = '/data';

/** Folders of this machine that are the cluster's volumes: every node is this machine, so that a pod finds its own again on each. */
export class Storage {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = path.join(folder, 'volumes');
  }

  /** The folder of what all services and the command share. */
  get artifacts(): string {
    return path.join(this.#folder, 'artifacts');
  }

  /** The folder of a claim's volume. */
  folderOf(claim: string): string {
    return path.join(this.#folder, claim.endsWith('-artifacts') ? 'artifacts' : claim);
  }

  /** Makes a volume for each claim of the release. @param claims name of the claim, and of the volume */
  async provide(kubectl: Kubectl, claims: readonly { claim: string; size: string; mode: string }[]): Promise<void> {
    const volumes = claims.map(async ({ claim, size, mode }) => {
      const folder = this.folderOf(claim);
      await mkdir(folder, { recursive: true, mode: 0o750 });
      // The kubelet changes no owner of a folder of its node.
      await chown(folder, POD_USER_ID, POD_USER_ID);
      return {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: claim },
        spec: {
          capacity: { storage: size },
          accessModes: [mode],
          persistentVolumeReclaimPolicy: 'Retain',
          storageClassName: 'test',
          claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name: claim, namespace: kubectl.namespace },
          hostPath: { path: folder, type: 'Directory' },
        },
      };
    });
    await kubectl.apply(await Promise.all(volumes));
  }

  /**
   * Runs a program as the pods' user, and with the shared folder where pods have it: a mount that nobody else sees.
   * @throws KubernetesError CLUSTER_FAILED when it ends with another code than 0
   */
  async runBeside(command: readonly string[], environment: Readonly<Record<string, string>>): Promise<CommandOutcome> {
    const made = await mkdir(ARTIFACTS_PATH, { recursive: true });
    const script =
      'mount --bind "$1" "$2" && shift 2 && exec setpriv --reuid "$1" --regid "$1" --clear-groups "${@:2}"';
    const outcome = await runCommand(
      'unshare',
      ['--mount', 'bash', '-c', script, 'bash', this.artifacts, ARTIFACTS_PATH, String(POD_USER_ID), ...command],
      { environment, folder: '/' },
    );
    if (made !== undefined) await rmdir(ARTIFACTS_PATH);
    if (outcome.code !== 0)
      throw new KubernetesError(
        'CLUSTER_FAILED',
        `${command.slice(1, 4).join(' ')} ended with ${outcome.code}: ${(outcome.stdout + outcome.stderr).trim().slice(-1500)}`,
      );
    return outcome;
  }
}
