import { execFile } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { promisify } from 'node:util';
import { withLock, type Device } from '@pemmican/setup';
import type { DockerClient } from './docker-client.ts';
import { REPOSITORY_FOLDER, type ServiceName } from './services.ts';
import { contextFolder, makeContext } from './stage/context.ts';

/** The image that Dockerfiles build on when nobody names another. */
export const DEFAULT_BASE = 'node:24-slim';

export interface ImageOptions {
  readonly service: ServiceName;
  /** TensorFlow of the trainer; other services have none. */
  readonly device: Device;
  readonly base: string;
  /** What comes after the colon; version of the service where not given. */
  readonly tag?: string;
  /** Beside those of the Dockerfile. */
  readonly label?: string;
  /** Builds each layer again. */
  readonly isCacheUnused?: boolean;
}

/** An image that was built. */
export interface BuiltImage {
  readonly name: string;
  readonly service: ServiceName;
  readonly sizeBytes: number;
  readonly layers: readonly string[];
  readonly stagedMs: number;
  readonly builtMs: number;
}

/** Full name of a service's image. */
export function imageName(service: ServiceName, tag: string, device: Device = 'cpu'): string {
  return `pemmican/${service}${device === 'gpu' ? '-gpu' : ''}:${tag}`;
}

/**
 * Stages a service and builds its image.
 * @throws ImagesError, SetupError
 */
export async function buildImage(
  docker: DockerClient,
  options: ImageOptions,
  report: (line: string) => void,
): Promise<BuiltImage> {
  const folder = contextFolder(options.service, options.device);
  mkdirSync(folder, { recursive: true });
  // Clones may share a cache: one of them stages and builds at a time.
  return withLock(realpathSync(folder), report, () => stageAndBuild(docker, options, folder, report));
}

async function stageAndBuild(
  docker: DockerClient,
  options: ImageOptions,
  folder: string,
  report: (line: string) => void,
): Promise<BuiltImage> {
  const { service, device, base } = options;
  const begin = performance.now();
  const { version } = await makeContext(service, device, folder, report);
  const stagedMs = performance.now() - begin;
  const name = imageName(service, options.tag ?? version, device);
  const values: Readonly<Record<string, string>> = {
    BASE: base,
    VERSION: version,
    REVISION: await revision(),
    ...(await sourceUrl()),
  };
  await docker.run([
    'build',
    ...['--tag', name],
    ...Object.entries(values).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]),
    ...(service === 'trainer' ? ['--target', device] : []),
    ...(options.label === undefined ? [] : ['--label', options.label]),
    ...(options.isCacheUnused === true ? ['--no-cache'] : []),
    folder,
  ]);
  const builtMs = performance.now() - begin - stagedMs;
  const layers = (await docker.layers(name)) ?? [];
  return { name, service, sizeBytes: await docker.sizeBytes(name), layers, stagedMs, builtMs };
}

async function git(...args: string[]): Promise<string> {
  return (await promisify(execFile)('git', args, { cwd: REPOSITORY_FOLDER })).stdout.trim();
}

/** The commit that is checked out, with a mark where files differ from it; `unknown` outside of a clone. */
async function revision(): Promise<string> {
  try {
    const changes = await git('status', '--porcelain', '--untracked-files=no');
    return `${await git('rev-parse', 'HEAD')}${changes === '' ? '' : '-modified'}`;
  } catch {
    return 'unknown';
  }
}

/** Where the clone comes from, if that is a web address; without a name and password that may be in it. */
async function sourceUrl(): Promise<{ readonly SOURCE?: string }> {
  const origin = URL.parse(await git('remote', 'get-url', 'origin').catch(() => ''));
  if (origin?.protocol !== 'https:') return {};
  return { SOURCE: `https://${origin.host}${origin.pathname}` };
}
