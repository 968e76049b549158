import { setTimeout as delay } from 'node:timers/promises';
import { KubernetesError } from '../error.ts';
import { kubectlProgram } from '../places.ts';
import { runCommand, type CommandOutcome } from '@pemmican/setup';

const POLL_MS = 200;

/** kubectl against one cluster, in one namespace. */
export class Kubectl {
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly #program: string;

  private constructor(program: string, kubeconfig: string, namespace: string) {
    this.#program = program;
    this.kubeconfig = kubeconfig;
    this.namespace = namespace;
  }

  static async open(kubeconfig: string, namespace: string): Promise<Kubectl> {
    return new Kubectl(await kubectlProgram(), kubeconfig, namespace);
  }

  /** Runs it and gives what it says, whatever its exit code is. */
  try(args: readonly string[], input?: string): Promise<CommandOutcome> {
    return runCommand(this.#program, ['--kubeconfig', this.kubeconfig, '--namespace', this.namespace, ...args], {
      ...(input === undefined ? {} : { input }),
    });
  }

  /** @throws KubernetesError REFUSED with what kubectl says */
  async run(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.try(args, input);
    if (code !== 0) throw new KubernetesError('REFUSED', `kubectl ${args.join(' ')}: ${stderr.trim()}`);
    return stdout;
  }

  /** Applies manifests, refused where a field is unknown. */
  async apply(manifests: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: manifests };
    await this.run(['apply', '--validate=strict', '--server-side', '-f', '-'], JSON.stringify(list));
  }

  /** A resource, or a list of them, as `kubectl get -o json` has it. */
  async get<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.run(['get', '-o', 'json', ...args])) as T;
  }

  /**
   * Asks again and again until the answer is what is waited for.
   * @throws KubernetesError TIMEOUT
   */
  async until<T>(what: string, ask: () => Promise<T | undefined>, timeoutMs: number): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    let problem = '';
    for (;;) {
      try {
        const answer = await ask();
        if (answer !== undefined) return answer;
      } catch (error) {
        problem = `: ${(error as Error).message}`;
      }
      if (performance.now() > deadline)
        throw new KubernetesError('TIMEOUT', `${what} did not come within ${timeoutMs / 1000} s${problem}`);
      await delay(POLL_MS);
    }
  }
}
