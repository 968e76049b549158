import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, beforeEach, test } from 'node:test';

const SETUP_FOLDER = path.resolve(import.meta.dirname, '..');
const LOCK = {
  packages: {
    '': { name: 'repository' },
    'libs/one': { name: '@x/one' },
    'node_modules/@x/one': { resolved: 'libs/one', link: true },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/for-windows': { version: '2.0.0', optional: true },
  },
};

/** What stands in for the parts that bootstrap starts: it prints how it was called. */
const PART = `
  const { PATH, NODE_COMPILE_CACHE, NX_DAEMON, NX_NO_CLOUD, NX_TUI } = process.env;
  console.log(JSON.stringify({ part: PART, args: process.argv.slice(2), node: process.execPath, PATH, NODE_COMPILE_CACHE, NX_DAEMON, NX_NO_CLOUD, NX_TUI }));
  if (process.argv.includes('--wait')) {
    process.on('SIGTERM', () => process.exit(5));
    setInterval(() => {}, 1000);
  } else process.exitCode = Number(process.argv.find((arg) => /^--exit=/.test(arg))?.slice(7) ?? 0);
`;

/** What stands in for npm: it takes part in the test's log and installs what the lock file says. */
const NPM = `
  const fs = require('node:fs');
  fs.appendFileSync('npm.log', process.argv.slice(2).join(' ') + '\\n');
  fs.rmSync('node_modules', { recursive: true, force: true });
  fs.mkdirSync('node_modules/node/bin', { recursive: true });
  fs.symlinkSync(${JSON.stringify(process.execPath)}, 'node_modules/node/bin/node');
  const { packages } = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'));
  delete packages[''];
  delete packages['node_modules/for-windows'];
  fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }));
  process.exit(fs.existsSync('npm-fails') ? 3 : 0);
`;

const roots: string[] = [];
let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'pemmican-bootstrap-'));
  roots.push(root);
  await mkdir(path.join(root, 'tools/setup/src'), { recursive: true });
  await mkdir(path.join(root, 'tools/checks/src'), { recursive: true });
  await mkdir(path.join(root, 'tools/cli/bin'), { recursive: true });
  await mkdir(path.join(root, 'tools/stack/src'), { recursive: true });
  for (const file of ['bootstrap.mjs', 'lock.mjs']) {
    await cp(path.join(SETUP_FOLDER, file), path.join(root, 'tools/setup', file));
  }
  const parts = {
    setup: 'tools/setup/src/main.ts',
    checks: 'tools/checks/src/run-all.ts',
    cli: 'tools/cli/bin/pemmican.mjs',
    stack: 'tools/stack/src/main.ts',
  };
  for (const [name, file] of Object.entries(parts)) {
    await writeFile(path.join(root, file), PART.replace('PART', JSON.stringify(name)));
  }
  await writeFile(path.join(root, 'npm.js'), NPM);
  await writeFile(path.join(root, 'package-lock.json'), JSON.stringify(LOCK));
});
after(async () => {
  for (const each of roots) await rm(each, { recursive: true });
});

interface Outcome {
  readonly code: number | null;
  readonly stderr: string;
  readonly calls: readonly Record<string, unknown>[];
}

async function bootstrap(
  args: readonly string[],
  onOutput?: (kill: (signal: NodeJS.Signals) => void) => void,
): Promise<Outcome> {
  const child = spawn(process.execPath, [path.join(root, 'tools/setup/bootstrap.mjs'), ...args], {
    env: { PATH: process.env['PATH'], npm_execpath: path.join(root, 'npm.js') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onOutput?.((signal) => child.kill(signal));
  });
  const [code] = (await once(child, 'close')) as [number | null];
  const calls = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { code, stderr, calls };
}

const npmCalls = (): Promise<string> => readFile(path.join(root, 'npm.log'), 'utf8').catch(() => '');

test('bootstrap installs dependencies once, from the lock file alone and without their scripts', async () => {
  const first = await bootstrap(['setup', '--gpu']);
  assert.equal(first.code, 0);
  assert.match(first.stderr, /installing dependencies with npm ci/);
  assert.equal(await npmCalls(), 'ci --ignore-scripts --no-audit --no-fund --loglevel=error\n');
  const second = await bootstrap(['setup']);
  assert.equal(second.stderr, '');
  assert.equal((await npmCalls()).split('\n').length, 2);
});

test('bootstrap starts the parts under the pinned Node, it and the repository’s commands first on the path', async () => {
  const { calls } = await bootstrap(['setup', '--gpu']);
  const call = calls[0]!;
  assert.deepEqual([call['part'], call['args']], ['setup', ['all', '--gpu']]);
  const modules = path.join(root, 'node_modules');
  assert.ok(String(call['PATH']).startsWith(`${modules}/node/bin:${modules}/.bin:`), String(call['PATH']));
  assert.equal(call['NODE_COMPILE_CACHE'], path.join(root, '.cache/compiled'));
  assert.deepEqual([call['NX_DAEMON'], call['NX_NO_CLOUD'], call['NX_TUI']], ['false', 'true', 'false']);
});

test('bootstrap sets up before the demo and the checks, and stops when that fails', async () => {
  const demo = await bootstrap(['demo', '--model', 'multilingual-e5-small']);
  const options = ['--model', 'multilingual-e5-small'];
  assert.deepEqual(
    demo.calls.map(({ part, args }) => [part, args]),
    [
      ['setup', ['demo', ...options]],
      ['cli', ['demo', ...options]],
    ],
  );
  const checks = await bootstrap(['test', 'lint']);
  assert.deepEqual(
    checks.calls.map(({ part, args }) => [part, args]),
    [
      ['setup', ['test']],
      ['checks', ['lint']],
    ],
  );
  const failed = await bootstrap(['demo', '--exit=7']);
  assert.equal(failed.code, 7);
  assert.equal(failed.calls.length, 1);
});

test('bootstrap leaves it to the stack what is set up for it', async () => {
  const { calls } = await bootstrap(['stack', '--without', 'collector']);
  assert.deepEqual(
    calls.map(({ part, args }) => [part, args]),
    [['stack', ['--without', 'collector']]],
  );
});

test('bootstrap installs again when the lock file changed', async () => {
  await bootstrap(['setup']);
  const changed = { packages: { ...LOCK.packages, 'node_modules/a': { version: '1.0.1' } } };
  await writeFile(path.join(root, 'package-lock.json'), JSON.stringify(changed));
  await bootstrap(['setup']);
  assert.equal((await npmCalls()).split('\n').length, 3);
});

test('bootstrap takes over a node_modules that npm itself brought to the lock file', async () => {
  await bootstrap(['setup']);
  await rm(path.join(root, 'node_modules/.pemmican-lockfile-digest'));
  assert.equal((await bootstrap(['setup'])).stderr, '');
  // npm writes its record last: without it the installation was cut off.
  await rm(path.join(root, 'node_modules/.pemmican-lockfile-digest'));
  await rm(path.join(root, 'node_modules/.package-lock.json'));
  assert.match((await bootstrap(['setup'])).stderr, /installing dependencies/);
  assert.equal((await npmCalls()).split('\n').length, 3);
});

test('bootstrap ends with npm’s exit code when npm fails, and tries again the next time', async () => {
  await writeFile(path.join(root, 'npm-fails'), '');
  const failed = await bootstrap(['setup']);
  assert.equal(failed.code, 3);
  assert.match(failed.stderr, /npm ci failed/);
  assert.deepEqual(failed.calls, []);
  await rm(path.join(root, 'npm-fails'));
  await rm(path.join(root, 'node_modules'), { recursive: true });
  await symlink(path.join(root, 'nowhere'), path.join(root, 'node_modules'));
  assert.equal((await bootstrap(['setup'])).code, 0);
});

test('bootstrap passes signals on and ends with the code that the part then gives', async () => {
  await bootstrap(['setup']);
  const { code } = await bootstrap(['setup', '--wait'], (kill) => setTimeout(() => kill('SIGTERM'), 50));
  assert.equal(code, 5);
});

test('bootstrap refuses a verb that it does not know', async () => {
  const { code, stderr } = await bootstrap(['frobnicate']);
  assert.equal(code, 2);
  assert.match(stderr, /there is no verb "frobnicate"\nusage:/);
  assert.equal(await npmCalls(), '');
});
