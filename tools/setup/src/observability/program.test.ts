import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { SetupError } from '../error.ts';
import { ensureCollector } from './collector.ts';
import { ensureProgram, findProgram, type ProgramSource } from './program.ts';
import { ensurePrometheus } from './prometheus.ts';

const VARIABLES = ['PATH', 'PEMMICAN_CACHE_DIR', 'PEMMICAN_PROMETHEUS', 'PEMMICAN_OTEL_COLLECTOR', 'PEMMICAN_THING'];
const previous = VARIABLES.map((name) => [name, process.env[name]] as const);

let [root, programs] = ['', ''];
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'pemmican-programs-'));
  programs = path.join(root, 'bin');
  await mkdir(programs);
  for (const name of VARIABLES) delete process.env[name];
  process.env['PATH'] = programs;
  process.env['PEMMICAN_CACHE_DIR'] = path.join(root, 'cache');
});
afterEach(async () => {
  for (const [name, value] of previous) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  await rm(root, { recursive: true });
});

/** Puts a program onto the path, the only one with its name. */
async function addProgram(name: string, script: string): Promise<string> {
  const file = path.join(programs, name);
  await writeFile(file, `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

function thing(recipe: string, made: string[] = []): ProgramSource {
  return {
    name: 'thing',
    variable: 'PEMMICAN_THING',
    command: 'thing',
    recipe,
    sizeBytes: 1,
    inFolder: (folder) => ({ command: path.join(folder, 'thing'), args: ['--assets', folder] }),
    make: async (folder) => {
      made.push(recipe);
      await writeFile(path.join(folder, 'thing'), recipe);
    },
  };
}

test('findProgram takes what the variable names, else the path’s, else what was made by this recipe', async () => {
  assert.equal(await findProgram(thing('1')), undefined);
  await ensureProgram(thing('1'));
  const folder = path.join(root, 'cache/observability/thing');
  assert.deepEqual(await findProgram(thing('1')), {
    command: path.join(folder, 'thing'),
    args: ['--assets', folder],
  });
  assert.equal(await findProgram(thing('2')), undefined);
  const onPath = await addProgram('thing', 'exit 0');
  assert.deepEqual(await findProgram(thing('1')), { command: onPath, args: [] });
  process.env['PEMMICAN_THING'] = '/opt/thing';
  assert.deepEqual(await findProgram(thing('1')), { command: '/opt/thing', args: [] });
});

test('ensureProgram makes a program once, and again by another recipe', async () => {
  const made: string[] = [];
  const said: string[] = [];
  const options = { onProgress: (line: string) => said.push(line) };
  await ensureProgram(thing('1', made), options);
  const { command } = await ensureProgram(thing('1', made), options);
  assert.equal(await readFile(command, 'utf8'), '1');
  await ensureProgram(thing('2', made), options);
  assert.equal(await readFile(command, 'utf8'), '2');
  assert.deepEqual(made, ['1', '2']);
  assert.equal(said.length, 2);
  assert.match(said[0] ?? '', /^thing: ready in \d+\.\d s, in \S+\/observability\/thing$/);
});

test('ensurePrometheus unpacks the package and those of its page', async () => {
  await addProgram(
    'apt-cache',
    'printf "prometheus\\n  Depends: libc6\\nlibc6\\nlibjs-jquery\\nfonts-x\\nlibjs-jquery\\n"',
  );
  await addProgram('apt-get', 'shift 2; echo "$@" > asked; for name in "$@"; do echo "$name" > "$name.deb"; done');
  await addProgram('dpkg-deb', 'mkdir -p usr/bin; cp "$2" "usr/bin/$(cat "$2")"; echo x > usr/bin/promtool');
  const { command, args } = await ensurePrometheus();
  const folder = path.join(root, 'cache/observability/prometheus');
  assert.equal(command, path.join(folder, 'usr/bin/prometheus'));
  assert.deepEqual(args, [`--web.local-assets=${folder}/usr/share/prometheus/web/`]);
  assert.equal(await readFile(path.join(folder, 'asked'), 'utf8'), 'prometheus libjs-jquery fonts-x\n');
  assert.deepEqual(await readdir(path.join(folder, 'usr/bin')), ['fonts-x', 'libjs-jquery', 'prometheus']);
});

test('ensurePrometheus says what is missing, and leaves nothing half', async () => {
  const isError = (code: string, message: RegExp) => (error: unknown) =>
    error instanceof SetupError && error.code === code && message.test(error.message);
  await assert.rejects(ensurePrometheus(), isError('MISSING_TOOL', /apt-get update/));
  await addProgram('apt-cache', 'exit 0');
  await addProgram('apt-get', 'echo "E: Failed to fetch" >&2; exit 100');
  await assert.rejects(
    ensurePrometheus(),
    isError('DOWNLOAD_FAILED', /^apt-get could not download prometheus:\nE: Failed/),
  );
  await addProgram('apt-get', 'echo > prometheus.deb');
  await addProgram('dpkg-deb', 'echo "dpkg-deb: error: not a package" >&2; exit 2');
  await assert.rejects(ensurePrometheus(), isError('MALFORMED', /^prometheus\.deb:\ndpkg-deb: error/));
  assert.deepEqual(await readdir(path.join(root, 'cache/observability')), []);
});

test('ensureCollector says that Go is missing, and what Go said', async () => {
  await assert.rejects(ensureCollector(), { code: 'MISSING_TOOL', message: /`go version` fails: install Go/ });
  await addProgram('setpriv', 'shift 3; PATH="$(dirname "$0")" exec "$@"');
  await addProgram('nice', 'shift 2; PATH="$(dirname "$0")" exec "$@"');
  await addProgram('go', '[ "$1" = version ] || { echo "no network" >&2; exit 1; }');
  await assert.rejects(ensureCollector(), {
    code: 'BUILD_FAILED',
    message: /^Go could not build the collector:\nno network$/,
  });
});

test('ensureCollector builds with the builder of the release that it builds', async () => {
  await addProgram('setpriv', 'shift 3; PATH="$(dirname "$0")" exec "$@"');
  await addProgram('nice', 'shift 2; PATH="$(dirname "$0")" exec "$@"');
  await addProgram('go', '[ "$1" = version ] && exit; echo "$2" > asked; mkdir -p "$6"; echo program > "$6/otelcol"');
  const { command } = await ensureCollector();
  const folder = path.dirname(command);
  assert.deepEqual(await readdir(folder), ['asked', 'otelcol']);
  assert.equal(
    await readFile(path.join(folder, 'asked'), 'utf8'),
    'go.opentelemetry.io/collector/cmd/builder@v0.162.0\n',
  );
});
