import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { dataFile, modelFolder } from '@pemmican/testkit';
import { IMAGE_USER_ID, REPOSITORY_FOLDER, SERVICE_NAMES, SERVICE_PORTS, type ServiceName } from '../src/services.ts';
import { artifactsFolder, ServiceContainer, startNetwork, type StartedNetwork } from '../src/testing/mod.ts';

const PEMMICAN = path.join(REPOSITORY_FOLDER, 'tools/cli/bin/pemmican.mjs');
const SERVER_OPTIONS: Readonly<Record<ServiceName, string>> = {
  'vocabulary-analysis': '--vocabulary-server',
  'embedding-surgery': '--surgery-server',
  trainer: '--trainer-server',
};

/** Loads what is loaded only where it is asked for, so that nothing that packages need is left out of an image. */
const LOAD_LATER = `
  for (const scope of ["@aws-sdk", "@smithy"])
    for (const name of require("fs").readdirSync("/app/node_modules/" + scope)) require("/app/node_modules/" + scope + "/" + name);
  import("/app/libs/storage/src/s3/client.ts").then(() => import("/app/libs/storage/src/hub.ts"));`;

const { folder, remove } = artifactsFolder('main-job');
const at = (...parts: string[]): string => path.join(folder, ...parts);
const containers = new Map<ServiceName, ServiceContainer>();
let network: StartedNetwork;

before(async () => {
  cpSync(modelFolder('splade-tiny'), at('model'), { recursive: true });
  const rows = JSON.parse(readFileSync(dataFile('sentiment/amazon.json'), 'utf8')) as {
    text: string;
    class: number | null;
  }[];
  const lines = rows
    .filter((row) => row.class !== null)
    .map((row) => `${JSON.stringify({ text: row.text, label: row.class })}\n`);
  writeFileSync(at('train.jsonl'), lines.slice(0, 160).join(''));
  writeFileSync(at('dev.jsonl'), lines.slice(160, 192).join(''));
  network = await startNetwork();
  const started = await Promise.all(
    // The command reads outputs, too: the folder has the same path for it and for the services.
    SERVICE_NAMES.map((service) =>
      ServiceContainer.start(service, { artifacts: folder, artifactsAt: folder, network }),
    ),
  );
  for (const container of started) containers.set(container.service, container);
});
after(async () => {
  await Promise.all([...containers.values()].map((container) => container.remove()));
  await network.stop();
  await remove();
});

function container(service: ServiceName): ServiceContainer {
  const found = containers.get(service);
  assert.ok(found !== undefined);
  return found;
}

async function run(output: string, ...options: string[]): Promise<void> {
  // The command makes folders that the services, which are another user, write to.
  await promisify(execFile)('sh', [
    '-c', 'umask 0; exec "$@"', 'sh', process.execPath,
    PEMMICAN, 'run', '--model', at('model'), '--train-file', at('train.jsonl'), '--validation-file', at('dev.jsonl'),
    '--output', output, '--max-steps', '6', '--per-device-train-batch-size', '8', ...options,
  ]); // prettier-ignore
}

function losses(output: string): number[] {
  const lines = readFileSync(path.join(output, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => (JSON.parse(line) as { loss: number }).loss);
}

test(
  'analyze, reduce, train and restore in three containers leave what they leave on the machine itself, bit for bit',
  { timeout: 300_000 },
  async () => {
    const output = at('out');
    const servers = SERVICE_NAMES.flatMap((service) => [SERVER_OPTIONS[service], container(service).address]);
    await run(output, ...servers);
    const alone = at('alone');
    await run(alone);
    assert.equal(losses(output).length, 6);
    assert.deepEqual(losses(output), losses(alone));
    for (const file of ['model.safetensors', 'config.json', 'tokenizer.json'])
      assert.ok(readFileSync(path.join(output, file)).equals(readFileSync(path.join(alone, file))), file);
  },
);

for (const service of SERVICE_NAMES) {
  test(`the container of ${service} is healthy by its own probe and for its neighbours, runs as nobody and has no shell`, async () => {
    const own = await container(service).execute('node', '/app/probe.ts');
    assert.deepEqual([own.exitCode, own.output], [0, '']);
    const neighbour = container(SERVICE_NAMES.find((name) => name !== service) ?? service);
    const asked = await neighbour.execute('node', '/app/probe.ts', `${service}:${SERVICE_PORTS[service]}`);
    assert.deepEqual([asked.exitCode, asked.output], [0, '']);
    const nobody = await container(service).execute('node', '/app/probe.ts', '127.0.0.1:9');
    assert.equal(nobody.exitCode, 1);
    assert.match(nobody.output, /ECONNREFUSED/);
    const user = await container(service).execute('node', '-p', 'process.getuid() + " " + process.getgid()');
    assert.equal(user.output.trim(), `${IMAGE_USER_ID} ${IMAGE_USER_ID}`);
    const shell = await container(service).execute('sh', '-c', 'true');
    assert.notEqual(shell.exitCode, 0);
    // What is loaded only where it is asked for is not left out.
    const loaded = await container(service).execute('node', '-e', LOAD_LATER);
    assert.deepEqual([loaded.exitCode, loaded.output], [0, '']);
    const write = await container(service).execute('node', '-e', 'require("fs").writeFileSync("/app/x", "")');
    assert.match(write.output, /EROFS/);
  });
}

test('the three containers end on SIGTERM with 0, soon', { timeout: 60_000 }, async () => {
  const begin = performance.now();
  const exitCodes = await Promise.all(SERVICE_NAMES.map((service) => container(service).terminate(30)));
  assert.deepEqual(exitCodes, [0, 0, 0]);
  assert.ok(performance.now() - begin < 20_000);
});
