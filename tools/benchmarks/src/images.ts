/**
 * `node tools/benchmarks/src/images.ts`: sizes of the services' images, and the time from `docker run` until they say SERVING.
 * @module
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { type DockerClient, IMAGE_USER_ID, probe, SERVICE_NAMES, SERVICE_PORTS, testImages } from '@pemmican/images';
import { freePort } from '@pemmican/testkit';

const POLL_MS = 5;
const START_TIMEOUT_MS = 60_000;

interface Start {
  /** From the command to the first answer SERVING. */
  readonly wallMs: number;
  /** What the service's process had computed by then, on all cores. */
  readonly processorMs: number;
}

async function start(docker: DockerClient, image: string, port: number): Promise<Start> {
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
        const wallMs = performance.now() - begin;
        const pid = (await docker.run(['inspect', '--format', '{{.State.Pid}}', id])).trim();
        return { wallMs, processorMs: processorMs(pid) };
      } catch (error) {
        if (performance.now() - begin > START_TIMEOUT_MS) throw error;
        await delay(POLL_MS);
      }
    }
  } finally {
    await docker.run(['rm', '--force', '--volumes', id]);
  }
}

/** User and system time of a process (proc(5), in ticks of 10 ms). */
function processorMs(pid: string): number {
  const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
const megabytes = (count: number): string => `${(count / 1e6).toFixed(1)} MB`;

const { values } = parseArgs({ options: { runs: { type: 'string', default: '5' } } });
const { docker, nameOf, base } = await testImages();
const baseBytes = await docker.sizeBytes(base);
console.log(`Base ${base}: ${megabytes(baseBytes)}; user ${IMAGE_USER_ID}; ${values.runs} starts each\n`);
console.log(
  '| image | size | of it above the base | run to SERVING, median | slowest | processor time until then, median |',
);
console.log('| --- | --- | --- | --- | --- | --- |');
for (const service of SERVICE_NAMES) {
  const bytes = await docker.sizeBytes(nameOf(service));
  const starts: Start[] = [];
  for (let run = 0; run < Number(values.runs); run++)
    starts.push(await start(docker, nameOf(service), SERVICE_PORTS[service]));
  const walls = starts.map(({ wallMs }) => wallMs);
  const cells = [
    ...[service, megabytes(bytes), megabytes(bytes - baseBytes)],
    ...[seconds(middle(walls)), seconds(Math.max(...walls))],
    seconds(middle(starts.map((one) => one.processorMs))),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
