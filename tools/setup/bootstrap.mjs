// What every npm script of the root starts with, under whatever Node the machine has (20 or later): makes sure that the
// dependencies are those of package-lock.json, then goes on under the repository's pinned Node. Plain JavaScript and
// nothing but Node's own modules, as it runs before there is anything else.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';

const repositoryFolder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const modulesFolder = path.join(repositoryFolder, 'node_modules');
const pinnedNode = path.join(modulesFolder, 'node/bin/node');
const lockfile = path.join(repositoryFolder, 'package-lock.json');
const stampFile = path.join(modulesFolder, '.pemmican-lockfile-digest');
const setupMain = path.join(repositoryFolder, 'tools/setup/src/main.ts');

const USAGE = `usage: node tools/setup/bootstrap.mjs VERB
  setup [--gpu]      everything that the demo takes: TensorFlow, a model, labelled sentences
  demo [OPTIONS]     set up what is missing, then \`pemmican demo OPTIONS\`
  stack [OPTIONS]    services, collector, Prometheus and dashboards on this machine (\`--help\` for more)
  test [WORDS]       set up what is missing, then every check, or those whose name has one of the words
  nx ARGUMENTS       nx under the pinned Node
`;

const say = (line) => process.stderr.write(`setup: ${line}\n`);
const isLinuxX64 = process.platform === 'linux' && process.arch === 'x64';

/** Runs a command with this process's own streams, passes signals on, and answers as a shell would: 128 + signal. */
function run(command, args, environment = process.env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: repositoryFolder, env: environment, stdio: 'inherit' });
    // A terminal's Ctrl-C reaches the child by itself; this process only has to outlive it. Others are passed on.
    const listeners = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => {
      const listener = () => (signal === 'SIGINT' && process.stdin.isTTY ? undefined : child.kill(signal));
      process.on(signal, listener);
      return [signal, listener];
    });
    const finish = (code) => {
      for (const [signal, listener] of listeners) process.off(signal, listener);
      resolve(code);
    };
    child.on('error', (error) => {
      say(`cannot start ${command}: ${error.message}`);
      finish(127);
    });
    child.on('exit', (code, signal) => finish(code ?? 128 + (os.constants.signals[signal] ?? 0)));
  });
}

/** Whether npm's own record of what it put into node_modules says the same versions as the lock file. */
function installedMatches(lock) {
  const record = path.join(modulesFolder, '.package-lock.json');
  if (!existsSync(record)) return false;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.entries(lock.packages).every(([location, entry]) => {
    if (!location.includes('node_modules/') || entry.link) return location === '' || location in installed;
    const found = installed[location];
    // Builds for other systems are optional, and npm leaves them out.
    return found === undefined ? entry.optional === true : found.version === entry.version;
  });
}

/** Brings node_modules to what package-lock.json says; npm ci only where it has to. */
async function ensureDependencies() {
  const text = readFileSync(lockfile);
  const digest = createHash('sha256').update(text).digest('hex');
  const isStamped = () => existsSync(pinnedNode) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === digest;
  if (isStamped()) return;
  await withLock(modulesFolder, say, async () => {
    if (isStamped()) return;
    if (!existsSync(pinnedNode) || !installedMatches(JSON.parse(text))) await installDependencies();
    writeFileSync(stampFile, digest);
  });
}

async function installDependencies() {
  const begin = performance.now();
  say('installing dependencies with npm ci');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const code =
    npm !== undefined && /\.c?js$/.test(npm) ? await run(process.execPath, [npm, ...args]) : await run('npm', args);
  if (code !== 0) {
    say('npm ci failed; its own message is above. Running the same command again goes on from here.');
    process.exit(code);
  }
  if (!existsSync(pinnedNode)) {
    say(`npm did not install the pinned Node (${pinnedNode}); it is there for Linux on x64 only`);
    process.exit(1);
  }
  say(`dependencies installed in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
}

/** The pinned Node and the repository's own commands first on the path; nx quiet, local and without a daemon. */
function pinnedEnvironment() {
  const folders = [path.dirname(pinnedNode), path.join(modulesFolder, '.bin')];
  return {
    ...process.env,
    PATH: [...folders, process.env.PATH ?? ''].join(path.delimiter),
    // Types are stripped from a source once, and not by each of the processes that read it.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? path.join(repositoryFolder, '.cache/compiled'),
    NX_DAEMON: 'false',
    NX_NO_CLOUD: 'true',
    NX_TUI: 'false',
  };
}

const [verb, ...rest] = process.argv.slice(2);
if (!['setup', 'demo', 'stack', 'test', 'nx'].includes(verb)) {
  process.stderr.write(verb === undefined ? USAGE : `setup: there is no verb "${verb}"\n${USAGE}`);
  process.exit(2);
}
if (!isLinuxX64) {
  say(`pemmican runs on Linux on x64, not on ${process.platform} on ${process.arch}; a container with that works too`);
  process.exit(1);
}
await ensureDependencies();
const environment = pinnedEnvironment();
const start = (...args) => run(pinnedNode, args, environment);
const STEPS = {
  setup: [[setupMain, 'all', ...rest]],
  demo: [
    [setupMain, 'demo', ...rest],
    [path.join(repositoryFolder, 'tools/cli/bin/pemmican.mjs'), 'demo', ...rest],
  ],
  // It sets up what its options leave to be set up.
  stack: [[path.join(repositoryFolder, 'tools/stack/src/main.ts'), ...rest]],
  test: [
    [setupMain, 'test'],
    [path.join(repositoryFolder, 'tools/checks/src/run-all.ts'), ...rest],
  ],
  nx: [[path.join(modulesFolder, '.bin/nx'), ...rest]],
};
let code = 0;
for (const step of STEPS[verb]) {
  code = await start(...step);
  if (code !== 0) break;
}
process.exit(code);
