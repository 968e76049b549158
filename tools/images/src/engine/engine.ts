import { tmpdir } from 'node:os';
import path from 'node:path';
import { withLock } from '@pemmican/setup';
import { ImagesError } from '../error.ts';
import { engineAnswers, findEngine, SYSTEM_SOCKET } from './find-engine.ts';
import { ensureDockerInstalled } from './install-docker.ts';
import { PrivateEngine } from './private-engine.ts';

/** A Docker engine that answers. */
export interface Engine {
  /** As `DOCKER_HOST` has it. */
  readonly host: string;
  /** Whether this call has started it: who has, stops it. */
  readonly isStartedNow: boolean;
  /** What `docker` and Testcontainers are told of it. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The folder of the private engine: one a machine and user, whichever clone of the repository starts it. */
export function privateEngine(): PrivateEngine {
  const named = process.env['PEMMICAN_ENGINE_FOLDER'] ?? '';
  return new PrivateEngine(
    named === '' ? path.join(tmpdir(), `pemmican-engine-${process.getuid?.() ?? 0}`) : path.resolve(named),
  );
}

/**
 * The engine that is there, or a private one, which is installed from Debian's packages and started where none answers. May be
 * called at any time, also by several processes at once: they get the same engine.
 * @throws ImagesError NO_ENGINE, MISSING_TOOL
 */
export async function ensureEngine(report: (line: string) => void): Promise<Engine> {
  const own = privateEngine();
  const find = (): Promise<string | undefined> => findEngine(process.env, [own.socket, SYSTEM_SOCKET]);
  const found = await find();
  if (found !== undefined && found !== `unix://${own.socket}`) return checked(found);
  return withLock(own.folder, report, async () => {
    let isStartedNow = false;
    if (found === undefined) {
      if (process.platform !== 'linux' || process.getuid?.() !== 0)
        throw new ImagesError(
          'NO_ENGINE',
          `No Docker engine answers on ${SYSTEM_SOCKET}, and only root can start one. Start one, or name one with DOCKER_HOST`,
        );
      await ensureDockerInstalled(report);
      // On a machine with systemd the package has started one.
      const appeared = await find();
      if (appeared !== undefined && appeared !== `unix://${own.socket}`) return checked(appeared);
      isStartedNow = !own.isRunning;
    }
    const begin = performance.now();
    await own.start();
    if (isStartedNow) report(`Docker engine started in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    return { host: `unix://${own.socket}`, isStartedNow, environment: engineEnvironment(`unix://${own.socket}`) };
  });
}

/** Stops the private engine, if it runs. */
export async function stopPrivateEngine(isPurged: boolean, report: (line: string) => void): Promise<void> {
  const own = privateEngine();
  await withLock(own.folder, report, () => own.stop(isPurged));
}

/** What `docker` and Testcontainers need to know to reach an engine. */
export function engineEnvironment(host: string): Record<string, string> {
  return {
    DOCKER_HOST: host,
    // Testcontainers takes a machine that is itself a container for a neighbour of those that it starts; ports are on loopback.
    ...(host.startsWith('unix://') ? { TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1' } : {}),
    // Its own cleaner is an image that there may be no registry for. Tests remove what they have made.
    TESTCONTAINERS_RYUK_DISABLED: 'true',
  };
}

async function checked(host: string): Promise<Engine> {
  if (host.startsWith('unix://') && !(await engineAnswers(host.slice('unix://'.length))))
    throw new ImagesError('NO_ENGINE', `DOCKER_HOST is ${host}, and no Docker engine answers there`);
  return { host, isStartedNow: false, environment: engineEnvironment(host) };
}
