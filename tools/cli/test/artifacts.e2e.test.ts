import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  CuttingProxy,
  endProcess,
  forkService,
  freePort,
  modelFolder,
  type Cut,
  type ServiceProcess,
} from '@pemmican/testkit';
import { Interrupt } from '../src/interrupt.ts';
import { runCli, type CliResult } from './run-cli.ts';

const TIMEOUT = { timeout: 120_000 };
const work = realpathSync(mkdtempSync(path.join(tmpdir(), 'pemmican-transfer-')));
const at = (...parts: string[]): string => path.join(work, ...parts);
const root = at('root');
let port: number;
let service: ServiceProcess;

async function start(): Promise<void> {
  service = forkService('embedding-surgery', {
    PEMMICAN_LISTEN: `127.0.0.1:${port}`,
    PEMMICAN_STATE_DIRECTORY: at('state'),
    PEMMICAN_ARTIFACT_ROOTS: root,
    PEMMICAN_LOG_LEVEL: 'error',
  });
  await service.listening;
}

before(async () => {
  mkdirSync(root);
  port = await freePort();
  await start();
  mkdirSync(at('small/onnx'), { recursive: true });
  writeFileSync(at('small/config.json'), '{}');
  writeFileSync(at('small/empty'), '');
  writeFileSync(at('small/onnx/weights'), randomBytes(20_000_000));
});
after(async () => {
  await endProcess(service.child, 'SIGKILL');
  rmSync(work, { recursive: true, force: true });
});

/** Digests of all files of a folder, by name. */
function digestsOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = files.map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name))).sort();
  const digest = (name: string): string => createHash('sha256').update(readFileSync(path.join(folder, name))).digest('hex'); // prettier-ignore
  return Object.fromEntries(names.map((name) => [name, digest(name)]));
}

interface Transfer {
  readonly artifactUri: string;
  readonly totalSizeBytes: number;
  readonly resumedBytes: number;
}
const documentOf = ({ stdout }: CliResult): Transfer => JSON.parse(stdout) as Transfer;
const direct = (): string[] => ['--server', `127.0.0.1:${port}`, '--json'];

/** Does something through a proxy that cuts the first connection. */
async function cutting(
  cut: Cut,
  argv: readonly string[],
  interrupt?: Interrupt,
): Promise<{ readonly result: CliResult; readonly proxy: CuttingProxy }> {
  const proxy = await CuttingProxy.start(port, cut);
  try {
    const server = ['--server', `127.0.0.1:${proxy.port}`, '--json'];
    return { result: await runCli([...argv, ...server], interrupt), proxy };
  } finally {
    await proxy.stop();
  }
}

test('a model goes to a server and back over connections that are cut, with the same digests', TIMEOUT, async () => {
  const model = modelFolder('all-MiniLM-L6-v2');
  const up = await cutting({ afterBytes: 40e6, of: 'client' }, [
    'upload',
    model,
    '--output',
    path.join(root, 'minilm'),
  ]);
  assert.equal(up.result.exitCode, 0, up.result.stderr);
  assert.equal(up.proxy.cutCount, 1);
  assert.match(up.result.stderr, /the connection was lost; going on from where it broke off/);
  assert.deepEqual(digestsOf(path.join(root, 'minilm')), digestsOf(model));

  const down = await cutting({ afterBytes: 40e6 }, ['download', path.join(root, 'minilm'), '--output', at('back')]);
  assert.equal(down.result.exitCode, 0, down.result.stderr);
  assert.equal(down.proxy.cutCount, 1);
  assert.match(down.result.stderr, /the connection was lost/);
  assert.deepEqual(digestsOf(at('back')), digestsOf(model));
  assert.deepEqual(readdirSync(work).filter((name) => name.includes('pemmican-download')), []); // prettier-ignore
});

test('an upload outlives the death of its server, and a download too', TIMEOUT, async () => {
  let restarted = Promise.resolve();
  const onCut = (): void => {
    restarted = endProcess(service.child, 'SIGKILL').then(start);
  };
  const output = path.join(root, 'killed');
  const up = await cutting({ afterBytes: 8e6, of: 'client', onCut }, ['upload', at('small'), '--output', output]);
  await restarted;
  assert.equal(up.result.exitCode, 0, up.result.stderr);
  assert.deepEqual(digestsOf(output), digestsOf(at('small')));
  const down = await cutting({ afterBytes: 8e6, onCut }, ['download', output, '--output', at('killed')]);
  await restarted;
  assert.equal(down.result.exitCode, 0, down.result.stderr);
  assert.deepEqual(digestsOf(at('killed')), digestsOf(at('small')));
});

test('commands that were interrupted are gone on with by the same commands', TIMEOUT, async () => {
  const interrupted = async (cut: Omit<Cut, 'onCut'>, argv: readonly string[]): Promise<void> => {
    const interrupt = new Interrupt(() => undefined);
    const onCut = (): void => {
      interrupt.trigger();
    };
    const { result } = await cutting({ ...cut, onCut }, argv, interrupt);
    assert.equal(result.exitCode, 130, result.stderr);
    assert.match(result.stderr, /Interrupted. What has arrived is kept for a while; the same command goes on/);
  };
  const upload = ['upload', at('small'), '--output', path.join(root, 'interrupted')];
  await interrupted({ afterBytes: 8e6, of: 'client' }, upload);
  assert.ok(!existsSync(path.join(root, 'interrupted')));
  const uploaded = await runCli([...upload, ...direct()]);
  assert.equal(uploaded.exitCode, 0, uploaded.stderr);
  // What was cut off had left the client: at least what fits between it and the server is not there.
  assert.ok(documentOf(uploaded).resumedBytes > 1e6, uploaded.stdout);
  assert.deepEqual(digestsOf(path.join(root, 'interrupted')), digestsOf(at('small')));

  const download = ['download', path.join(root, 'interrupted'), '--output', at('interrupted')];
  await interrupted({ afterBytes: 8e6 }, download);
  assert.ok(!existsSync(at('interrupted')));
  const downloaded = await runCli([...download, ...direct()]);
  assert.equal(downloaded.exitCode, 0, downloaded.stderr);
  assert.ok(documentOf(downloaded).resumedBytes > 1e6, downloaded.stdout);
  assert.deepEqual(digestsOf(at('interrupted')), digestsOf(at('small')));

  // Once it is there it is not sent again.
  const again = documentOf(await runCli([...upload, ...direct()]));
  assert.equal(again.resumedBytes, again.totalSizeBytes);
});

test(
  'a file is uploaded to a place that the server chooses, and a download replaces what it is told to',
  TIMEOUT,
  async () => {
    writeFileSync(at('train.jsonl'), '{"text": "a"}\n');
    const uploaded = documentOf(await runCli(['upload', at('train.jsonl'), ...direct()]));
    assert.ok(uploaded.artifactUri.startsWith(`${root}/`), uploaded.artifactUri);
    const remote = path.join(uploaded.artifactUri, 'train.jsonl');
    const download = ['download', remote, '--output', at('fetched.jsonl'), ...direct()];
    assert.equal((await runCli(download)).exitCode, 0);
    assert.equal(readFileSync(at('fetched.jsonl'), 'utf8'), '{"text": "a"}\n');
    const refused = await runCli(download);
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stdout, /OUTPUT_EXISTS/);
    writeFileSync(remote, 'other');
    assert.equal((await runCli([...download, '--overwrite'])).exitCode, 0);
    assert.equal(readFileSync(at('fetched.jsonl'), 'utf8'), 'other');
    // A folder, into which a part of an older one had come.
    mkdirSync(at('.replaced.pemmican-download/onnx'), { recursive: true });
    writeFileSync(at('.replaced.pemmican-download/onnx/weights'), 'other bytes');
    writeFileSync(at('.replaced.pemmican-download/gone'), '');
    mkdirSync(path.join(root, 'replaced/onnx'), { recursive: true });
    writeFileSync(path.join(root, 'replaced/onnx/weights'), 'bytes');
    const folder = await runCli(['download', path.join(root, 'replaced'), '--output', at('replaced'), ...direct()]);
    assert.equal(folder.exitCode, 0, folder.stderr);
    assert.deepEqual(digestsOf(at('replaced')), digestsOf(path.join(root, 'replaced')));
  },
);

test('what cannot be transferred is told with what is wrong', TIMEOUT, async () => {
  const fails = async (exitCode: number, pattern: RegExp, ...argv: string[]): Promise<void> => {
    const result = await runCli(argv);
    assert.equal(result.exitCode, exitCode, result.stderr);
    assert.match(result.stderr, pattern);
  };
  const server = ['--server', `127.0.0.1:${port}`];
  await fails(2, /--server is needed: without one/, 'upload', at('small'));
  await fails(2, /required option '--output <path>/, 'download', '/x', ...server);
  await fails(2, /hf:x: a file or folder of this machine/, 'upload', 'hf:x', ...server);
  await fails(2, /none/, 'upload', at('none'), ...server);
  await fails(2, /is not below a folder that this service may use/, 'upload', at('small'), '--output', '/etc/x', ...server); // prettier-ignore
  await fails(2, /is not below a folder/, 'download', '/etc', '--output', at('etc'), ...server);
  await fails(2, /no such file or folder/, 'download', path.join(root, 'none'), '--output', at('none'), ...server);
  // As another command leaves it that is at work: process 1 is always there.
  writeFileSync(at('.taken.pemmican-download.lock'), '1\n');
  await fails(3, /another pemmican \(process 1\) is at work/, 'download', root, '--output', at('taken'), ...server);
  await fails(4, /artifacts cannot be reached/, 'download', '/x', '--output', at('x'), '--server', '127.0.0.1:1');
});
