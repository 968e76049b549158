/**
 * `node tools/benchmarks/src/images.ts`: sizes of the services' images, and the time from `docker run` until they say SERVING.
 * @module
 */
import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { type DockerClient, IMAGE_USER_ID, probe, SERVICE_NAMES, SERVICE_PORTS, testImages } from '@pemmican/images';
import { freePort } from '@pemmican/testkit';

const POLL_MS = 5;
const START_TIMEOUT_MS = 60_000;

/** Milliseconds from the command to the first answer SERVING. */
async function startMs(docker: DockerClient, image: string, port: number): Promise<number> {
  const hostPort = await freePort();
  const begin = performance.now();
  const id = (
    await docker.run(
      ['run', '--detach', '--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--publish', `127.0.0.1:${hostPort}:${port}`, image],
    )
  ).trim(); // prettier-ignore
  try {
    for (;;) {
      try {
        await probe(`127.0.0.1:${hostPort}`, {});
        return performance.now() - begin;
      } catch (error) {
        if (performance.now() - begin > START_TIMEOUT_MS) throw error;
        await delay(POLL_MS);
      }
    }
  } finally {
    await docker.run(['rm', '--force', '--volumes', id]);
  }
}

const { values } = parseArgs({ options: { runs: { type: 'string', default: '5' } } });
const { docker, nameOf, base } = await testImages();
const baseBytes = await docker.sizeBytes(base);
console.log(`Base ${base}: ${(baseBytes / 1e6).toFixed(1)} MB; user ${IMAGE_USER_ID}; ${values.runs} starts each\n`);
console.log('| image | size | of it above the base | run to SERVING, median | slowest |');
console.log('| --- | --- | --- | --- | --- |');
for (const service of SERVICE_NAMES) {
  const bytes = await docker.sizeBytes(nameOf(service));
  const times: number[] = [];
  for (let run = 0; run < Number(values.runs); run++)
    times.push(await startMs(docker, nameOf(service), SERVICE_PORTS[service]));
  times.sort((a, b) => a - b);
  const seconds = (ms = 0): string => `${(ms / 1000).toFixed(2)} s`;
  const megabytes = (count: number): string => `${(count / 1e6).toFixed(1)} MB`;
  console.log(
    `| ${service} | ${megabytes(bytes)} | ${megabytes(bytes - baseBytes)} | ${seconds(times[Math.floor(times.length / 2)])} | ${seconds(times.at(-1))} |`,
  );
}
