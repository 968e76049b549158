import { KubernetesError } from '../error.ts';
import { CHART_FOLDER, helmProgram } from '../places.ts';
import { runCommand, type CommandOutcome } from '@pemmican/setup';
import type { Kubectl } from './kubectl.ts';

export const RELEASE = 'pemmican';

/** A pod as far as the tests look at it. */
export interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly podIP?: string;
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly restartCount: number;
      readonly containerID?: string;
      readonly ready: boolean;
      readonly state?: { readonly waiting?: { readonly reason?: string } };
      readonly lastState?: { readonly terminated?: { readonly reason?: string; readonly exitCode?: number } };
    }[];
  };
}

/** The chart as it is installed in a cluster. */
export class Release {
  readonly #kubectl: Kubectl;
  readonly #values: object;

  /** @param values what every installation and upgrade has */
  constructor(kubectl: Kubectl, values: object) {
    this.#kubectl = kubectl;
    this.#values = values;
  }

  /** @throws KubernetesError REFUSED with helm's own message */
  async install(): Promise<string> {
    return this.#helmOrThrow(
      ['install', RELEASE, CHART_FOLDER, ...WAIT, '--values', '-'],
      JSON.stringify(this.#values),
    );
  }

  /** Installs the chart anew over itself, with other values, and gives what helm said. */
  async upgrade(set: readonly string[], timeout = '180s'): Promise<CommandOutcome> {
    const changes = set.flatMap((assignment) => ['--set', assignment]);
    const wait = ['--wait', '--timeout', timeout];
    return this.#helm(
      ['upgrade', RELEASE, CHART_FOLDER, ...wait, '--values', '-', ...changes],
      JSON.stringify(this.#values),
    );
  }

  /** Goes back to the revision before. */
  async rollback(): Promise<string> {
    return this.#helmOrThrow(['rollback', RELEASE, ...WAIT]);
  }

  async uninstall(): Promise<string> {
    return this.#helmOrThrow(['uninstall', RELEASE, ...WAIT]);
  }

  async pod(service: string): Promise<Pod> {
    return this.#kubectl.get<Pod>('pod', `${RELEASE}-${service}-0`);
  }

  /** Waits for the service's pod to be ready, and not to be the one that was there before. */
  async readyPod(service: string, isOther: (pod: Pod) => boolean = () => true, timeoutMs = 120_000): Promise<Pod> {
    return this.#kubectl.until(
      `a ready pod of ${service}`,
      async () => {
        const pod = await this.pod(service);
        const isReady =
          pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
        return isReady && pod.metadata.deletionTimestamp === undefined && isOther(pod) ? pod : undefined;
      },
      timeoutMs,
    );
  }

  async #helm(args: readonly string[], input = ''): Promise<CommandOutcome> {
    const { kubeconfig, namespace } = this.#kubectl;
    return runCommand(await helmProgram(), [...args, '--kubeconfig', kubeconfig, '--namespace', namespace], { input });
  }

  async #helmOrThrow(args: readonly string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await this.#helm(args, input);
    if (code !== 0) throw new KubernetesError('REFUSED', `helm ${args[0]}: ${stderr.trim()}`);
    return stdout;
  }
}

const WAIT: readonly string[] = ['--wait', '--timeout', '180s'];
