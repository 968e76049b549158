import { request } from 'node:http';

/** Where Docker's own packages let their engine listen. */
export const SYSTEM_SOCKET = '/var/run/docker.sock';

const PING_TIMEOUT_MS = 2_000;

/** Whether a Docker engine answers on a Unix socket. */
export function engineAnswers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const ping = request({ socketPath: socket, path: '/_ping', timeout: PING_TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.on('timeout', () => ping.destroy());
    ping.on('error', () => {
      resolve(false);
    });
    ping.end();
  });
}

/**
 * The engine that is there already: the one that `DOCKER_HOST` names, else the first of these sockets that answers.
 * @returns as `DOCKER_HOST` has it; undefined where none answers. A host that `DOCKER_HOST` names is never replaced by another.
 */
export async function findEngine(
  environment: Readonly<Record<string, string | undefined>>,
  sockets: readonly string[],
): Promise<string | undefined> {
  const named = environment['DOCKER_HOST'] ?? '';
  if (named !== '') return named;
  for (const socket of sockets) if (await engineAnswers(socket)) return `unix://${socket}`;
  return undefined;
}
