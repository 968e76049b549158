/**
 * `node tools/images/src/main.ts VERB`: images of the services, and a Docker engine for them.
 * @module
 */
import { parseArgs } from 'node:util';
import { SetupError, type Device } from '@pemmican/setup';
import { ensureLocalBase } from './base/local-base.ts';
import { buildImage, DEFAULT_BASE } from './build-image.ts';
import { DockerClient } from './docker-client.ts';
import { ensureEngine, stopPrivateEngine } from './engine/engine.ts';
import { ImagesError } from './error.ts';
import { SERVICE_NAMES, type ServiceName } from './services.ts';
import { contextFolder, makeContext } from './stage/context.ts';

const USAGE = `usage: node tools/images/src/main.ts VERB
  build [OPTIONS]     images of the services, with the Docker engine that answers or a private one
    --service NAME    one of ${SERVICE_NAMES.join(', ')}; may be given several times (all of them)
    --base IMAGE      what they build on (${DEFAULT_BASE}); "local" makes a base of this machine's own Node
    --tag TAG         version of the service
    --device gpu      the trainer with TensorFlow for CUDA
    --no-cache        builds each layer again
  stage [OPTIONS]     the folders that \`docker build\` takes, and nothing more; --service, --device and
    --output FOLDER   for one service: where to
  engine up           starts a private engine where none answers
  engine env          prints what a shell needs to reach the engine: eval "$(... engine env)"
  engine down         stops the private engine, and removes its images
`;
const report = (line: string): void => console.error(`images: ${line}`);

interface Options {
  readonly service?: string[];
  readonly base?: string;
  readonly tag?: string;
  readonly device?: string;
  readonly output?: string;
  readonly 'no-cache'?: boolean;
}

function servicesOf(options: Options): readonly ServiceName[] {
  return (options.service ?? SERVICE_NAMES).map((word) => {
    const service = SERVICE_NAMES.find((name) => name === word);
    if (service === undefined)
      throw new ImagesError('USAGE', `There is no service "${word}"; there are ${SERVICE_NAMES.join(', ')}`);
    return service;
  });
}

function deviceOf(options: Options): Device {
  const { device = 'cpu' } = options;
  if (device !== 'cpu' && device !== 'gpu') throw new ImagesError('USAGE', `--device is cpu or gpu, not "${device}"`);
  return device;
}

async function build(options: Options): Promise<void> {
  const [services, device] = [servicesOf(options), deviceOf(options)];
  const docker = new DockerClient(await ensureEngine(report));
  const base = options.base === 'local' ? await ensureLocalBase(docker, report) : (options.base ?? DEFAULT_BASE);
  for (const service of services) {
    const { name, sizeBytes, stagedMs, builtMs } = await buildImage(
      docker,
      {
        ...{ service, device, base, isCacheUnused: options['no-cache'] === true },
        ...(options.tag === undefined ? {} : { tag: options.tag }),
      },
      report,
    );
    const times = `staged in ${(stagedMs / 1000).toFixed(1)} s, built in ${(builtMs / 1000).toFixed(1)} s`;
    console.log(`${name}\t${(sizeBytes / 1e6).toFixed(1)} MB\t${times}`);
  }
}

async function stage(options: Options): Promise<void> {
  const [services, device] = [servicesOf(options), deviceOf(options)];
  if (options.output !== undefined && services.length !== 1)
    throw new ImagesError('USAGE', '--output is for one --service');
  for (const service of services) {
    const context = await makeContext(service, device, options.output ?? contextFolder(service, device), report);
    console.log(context.folder);
  }
}

async function engine(action: string | undefined): Promise<void> {
  if (action === 'down') return stopPrivateEngine(true, report);
  if (action !== 'up' && action !== 'env') throw new ImagesError('USAGE', `There is no "engine ${action ?? ''}"`);
  const { environment } = await ensureEngine(report);
  for (const [name, value] of Object.entries(environment)) console.log(`export ${name}=${value}`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      service: { type: 'string', multiple: true },
      base: { type: 'string' },
      tag: { type: 'string' },
      device: { type: 'string' },
      output: { type: 'string' },
      'no-cache': { type: 'boolean' },
    },
  });
  const [verb, action] = positionals;
  if (verb === 'build') return build(values);
  if (verb === 'stage') return stage(values);
  if (verb === 'engine') return engine(action);
  throw new ImagesError('USAGE', verb === undefined ? 'A verb is missing' : `There is no verb "${verb}"`);
}

try {
  await main();
} catch (error) {
  const isUsage =
    (error instanceof ImagesError && error.code === 'USAGE') ||
    (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
  if (!isUsage && !(error instanceof ImagesError) && !(error instanceof SetupError)) throw error;
  console.error(`images: ${(error as Error).message}`);
  if (isUsage) console.error(USAGE);
  process.exitCode = isUsage ? 2 : 1;
}
