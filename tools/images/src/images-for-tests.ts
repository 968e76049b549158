import { withLock } from '@pemmican/setup';
import { ensureLocalBase, LOCAL_BASE } from './base/local-base.ts';
import { buildImage, imageName } from './build-image.ts';
import { DockerClient } from './docker-client.ts';
import { ensureEngine, type Engine } from './engine/engine.ts';
import { REPOSITORY_FOLDER, SERVICE_NAMES, type ServiceName } from './services.ts';

/** Tag of the images that tests build, so that they never replace those that somebody uses. */
const TEST_TAG = 'test';
const TEST_LABEL = 'pemmican.image=test';

/** Set in processes whose starter has seen to the images. */
export const IMAGES_READY_VARIABLE = 'PEMMICAN_TEST_IMAGES_READY';

/** What tests of containers work with. */
export interface TestImages {
  readonly engine: Engine;
  readonly docker: DockerClient;
  readonly base: string;
  readonly nameOf: (service: ServiceName) => string;
}

let ready: Promise<TestImages> | undefined;

/**
 * An engine and the images of all services, of the sources as they are now, on a base of this machine's own Node: no registry is
 * asked for anything. Processes that call this at the same time wait for one build.
 * @throws ImagesError; never a reason to skip a test
 */
export function testImages(): Promise<TestImages> {
  ready ??= makeTestImages();
  return ready;
}

async function makeTestImages(): Promise<TestImages> {
  const report = (line: string): void => console.error(`images: ${line}`);
  const engine = await ensureEngine(report);
  Object.assign(process.env, engine.environment);
  const docker = new DockerClient(engine);
  const nameOf = (service: ServiceName): string => imageName(service, TEST_TAG);
  if (process.env[IMAGES_READY_VARIABLE] === 'true') return { engine, docker, base: LOCAL_BASE, nameOf };
  const base = await withLock(`${REPOSITORY_FOLDER}/test-images`, report, async () => {
    const local = await ensureLocalBase(docker, report);
    for (const service of SERVICE_NAMES) {
      const built = await buildImage(
        docker,
        { service, device: 'cpu', base: local, tag: TEST_TAG, label: TEST_LABEL },
        report,
      );
      report(`${built.name}: staged in ${seconds(built.stagedMs)}, built in ${seconds(built.builtMs)}`);
    }
    // Those that the new ones have taken the names of, a gigabyte each time.
    await docker.run(['image', 'prune', '--force', '--filter', `label=${TEST_LABEL}`]);
    return local;
  });
  return { engine, docker, base, nameOf };
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
