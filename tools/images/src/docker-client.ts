import { ImagesError } from './error.ts';
import type { Engine } from './engine/engine.ts';
import { runCommand, type CommandOptions } from '@pemmican/setup';

/** The command `docker`, told where its engine is. */
export class DockerClient {
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor(engine: Engine) {
    this.#environment = engine.environment;
  }

  /**
   * Runs `docker ARGUMENTS`.
   * @returns what it printed
   * @throws ImagesError MISSING_TOOL, DOCKER_FAILED with what it said
   */
  async run(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    const environment = { ...this.#environment, ...options.environment };
    const { code, stdout, output } = await runCommand('docker', args, { ...options, environment });
    if (code === 127) throw new ImagesError('MISSING_TOOL', `The command docker cannot be started: ${output.trim()}`);
    if (code !== 0) throw new ImagesError('DOCKER_FAILED', `docker ${args[0]} failed with ${code}:\n${output.trim()}`);
    return stdout;
  }

  /** What a Go template makes of an image's description; undefined where there is no such image. */
  async inspect(image: string, template: string): Promise<string | undefined> {
    const args = ['image', 'inspect', '--format', template, image];
    const { code, stdout } = await runCommand('docker', args, { environment: this.#environment });
    return code === 0 ? stdout.trim() : undefined;
  }

  async label(image: string, name: string): Promise<string | undefined> {
    return this.inspect(image, `{{index .Config.Labels "${name}"}}`);
  }

  /** Digests of the layers of an image, the base's first. */
  async layers(image: string): Promise<string[] | undefined> {
    const answer = await this.inspect(image, '{{json .RootFS.Layers}}');
    return answer === undefined ? undefined : (JSON.parse(answer) as string[]);
  }

  /** Bytes of an image's layers, unpacked. */
  async sizeBytes(image: string): Promise<number> {
    return Number(await this.inspect(image, '{{.Size}}'));
  }
}
