import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { probe } from '@pemmican/images';
import { ensurePrometheus, findCollector } from '@pemmican/setup/observability';
import { makeTinyDataset, makeTinyModel } from '@pemmican/testkit';

const MAIN = path.resolve(import.meta.dirname, '../src/main.ts');
const COMMAND = path.resolve(import.meta.dirname, '../../cli/bin/pemmican.mjs');
const MAX_WAIT_MS = 60_000;
const STEPS_PER_SECOND = /<h2>Steps per second<\/h2>\s*<p class="caption">[^<]*<\/p>\s*<p class="value">\d/;

// Prometheus takes seconds to download; a collector takes minutes to build, so that only one that is there is taken.
const [prometheus, collector] = await Promise.all([ensurePrometheus().catch((error: Error) => error), findCollector()]);
const hasPrometheus = !(prometheus instanceof Error);
const SERVICES_ONLY = ['prometheus', 'collector'];
const left = [...(hasPrometheus ? [] : ['prometheus']), ...(collector === undefined ? ['collector'] : [])];

interface StartedStack {
  readonly directory: string;
  readonly child: ChildProcess;
  /** What it has said so far. */
  readonly output: () => string;
  readonly exitCode: Promise<number | null>;
}

interface StartOptions {
  readonly without?: readonly string[];
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** One of its own where none is given. */
  readonly directory?: string;
}

function startStack(t: TestContext, options: StartOptions): StartedStack {
  const { without = [], args = [], environment } = options;
  const directory = options.directory ?? mkdtempSync(path.join(tmpdir(), 'pemmican-stack-'));
  const omitted = without.length === 0 ? [] : ['--without', ...without];
  const child = spawn(process.execPath, [MAIN, '--free-ports', '--directory', directory, ...args, ...omitted], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // All that it starts, and what that starts, has the variable too.
    env: { ...process.env, ...environment, PEMMICAN_TEST_OF: directory },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exitCode = once(child, 'close').then(([code]) => code as number | null);
  t.after(async () => {
    child.kill('SIGKILL');
    for (const { id } of processesOf(directory)) process.kill(id, 'SIGKILL');
    await exitCode;
    rmSync(directory, { recursive: true, force: true });
  });
  return { directory, child, output: () => output, exitCode };
}

async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = performance.now() + MAX_WAIT_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    assert.ok(performance.now() < deadline, `${what} within ${MAX_WAIT_MS / 1000} s`);
    await delay(100);
  }
}

const untilReady = (stack: StartedStack): Promise<string> =>
  until('the stack answers', () => {
    assert.equal(stack.child.exitCode, null, stack.output());
    return stack.output().includes('Ctrl-C stops everything') ? stack.output() : undefined;
  });

/** Processes that come of the stack, itself excepted. */
function processesOf(directory: string): { id: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const environment = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const isOfIt = environment.includes(`PEMMICAN_TEST_OF=${directory}`) && !command.includes(MAIN);
        return isOfIt ? [{ id: Number(name), command }] : [];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}

/** What stands in a row of the table. */
function addressOf(output: string, name: string): string {
  return new RegExp(`^${name} +(\\S+)`, 'm').exec(output)?.[1] ?? assert.fail(`no ${name} in:\n${output}`);
}

async function runTiny(directory: string): Promise<void> {
  const [model, train] = [path.join(directory, 'model'), path.join(directory, 'train.jsonl')];
  await makeTinyModel(model);
  await makeTinyDataset(train, 64);
  // As a shell reads it.
  const script = `source ${directory}/environment && exec "$@"`;
  const words = ['run', '--model', model, '--train-file', train, '--output', path.join(directory, 'out')];
  const batches = ['--per-device-train-batch-size', '8', '--num-train-epochs', '3', '--quiet'];
  await promisify(execFile)('bash', ['-c', script, 'bash', process.execPath, COMMAND, ...words, ...batches]);
}

async function query(url: string, expression: string): Promise<number | undefined> {
  const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
  const value = data.result[0]?.value[1];
  return value === undefined ? undefined : Number(value);
}

test('the stack serves a run, measures it, and leaves nothing on Ctrl-C', { timeout: 240_000 }, async (t) => {
  for (const name of left) t.diagnostic(`without ${name}, which is not there`);
  const stack = startStack(t, { without: left });
  const output = await untilReady(stack);
  for (const name of ['vocabulary-analysis', 'embedding-surgery', 'trainer']) await probe(addressOf(output, name), {});
  await runTiny(stack.directory);
  if (hasPrometheus) {
    const url = addressOf(output, 'prometheus');
    // 64 records in batches of 8, three times; a scrape may have come before the last.
    await until('the run’s 24 steps are in Prometheus', async () =>
      (await query(url, 'sum(pemmican_training_steps_total)')) === 24 ? true : undefined,
    );
    const targetCount = collector === undefined ? 3 : 4;
    await until(`${targetCount} targets are up`, async () =>
      (await query(url, 'count(up == 1)')) === targetCount ? true : undefined,
    );
    const rules = (await (await fetch(`${url}/api/v1/rules`)).json()) as { data: { groups: { name: string }[] } };
    assert.deepEqual(rules.data.groups.map(({ name }) => name), ['pemmican']); // prettier-ignore
    // A rate needs two scrapes, and stays, while a loss may come and go between two.
    await until('a page shows steps per second', async () => {
      const page = await (await fetch(`${addressOf(output, 'dashboards')}/training?range=5m`)).text();
      return STEPS_PER_SECOND.test(page) ? true : undefined;
    });
    if (collector !== undefined)
      await until('the run’s spans are in the collector', async () => {
        const count = await query(url, 'sum({__name__=~"otelcol_receiver_accepted_spans.*"})');
        return count !== undefined && count > 0 ? count : undefined;
      });
  }
  const programs = processesOf(stack.directory);
  assert.equal(programs.length, 5 - left.length, JSON.stringify(programs));
  stack.child.kill('SIGINT');
  assert.equal(await stack.exitCode, 0, stack.output());
  assert.deepEqual(processesOf(stack.directory), []);
  if (collector !== undefined)
    assert.match(readFileSync(path.join(stack.directory, 'logs/collector.log'), 'utf8'), /pemmican run/);
});

test('the stack tells of a program that dies, and stops the others', { timeout: 120_000 }, async (t) => {
  const stack = startStack(t, { without: SERVICES_ONLY });
  await untilReady(stack);
  const trainer = processesOf(stack.directory).find(({ command }) => command.includes('services/trainer'));
  process.kill(trainer?.id ?? assert.fail('there is a trainer'), 'SIGKILL');
  assert.equal(await stack.exitCode, 1);
  assert.match(stack.output(), /^stack: trainer ended by SIGKILL; \S+\/logs\/trainer\.log ends with:$/m);
  assert.deepEqual(processesOf(stack.directory), []);
});

test('the stack tells of a program that does not start, and leaves nothing', { timeout: 120_000 }, async (t) => {
  const environment = { PEMMICAN_MAX_CONCURRENT_RUNS: 'many' };
  const stack = startStack(t, { without: SERVICES_ONLY, environment });
  assert.equal(await stack.exitCode, 1);
  assert.match(
    stack.output(),
    /^stack: trainer ended with exit code 1; \S+ ends with:\n.*PEMMICAN_MAX_CONCURRENT_RUNS/ms,
  );
  assert.deepEqual(processesOf(stack.directory), []);
});

test('the stack leaves nothing when it is ended while it starts', { timeout: 120_000 }, async (t) => {
  const stack = startStack(t, { without: SERVICES_ONLY });
  await until('a service starts', () => (processesOf(stack.directory).length > 0 ? true : undefined));
  stack.child.kill('SIGTERM');
  assert.equal(await stack.exitCode, 0);
  assert.doesNotMatch(stack.output(), /address/);
  assert.deepEqual(processesOf(stack.directory), []);
});

test('a second stack leaves the folders of the first alone, and has them after it', { timeout: 180_000 }, async (t) => {
  const first = startStack(t, { without: SERVICES_ONLY });
  await untilReady(first);
  const { directory } = first;
  const log = path.join(directory, 'logs/trainer.log');
  const before = readFileSync(log, 'utf8');
  assert.notEqual(before, '');
  const second = startStack(t, { without: SERVICES_ONLY, directory });
  assert.equal(await second.exitCode, 1);
  assert.ok(
    second
      .output()
      .includes(`stack: Another stack has ${directory} in use; stop that one, or give this one a --directory`),
    second.output(),
  );
  assert.ok(readFileSync(log, 'utf8').startsWith(before), 'the log of the first is still there');
  first.child.kill('SIGINT');
  assert.equal(await first.exitCode, 0, first.output());
  const third = startStack(t, { without: SERVICES_ONLY, directory });
  await untilReady(third);
  third.child.kill('SIGINT');
  assert.equal(await third.exitCode, 0, third.output());
});

test('programs end when the stack is killed', { timeout: 120_000 }, async (t) => {
  const stack = startStack(t, { without: SERVICES_ONLY });
  await untilReady(stack);
  stack.child.kill('SIGKILL');
  await until('nothing is left', () => (processesOf(stack.directory).length === 0 ? true : undefined));
});

test('the stack tells of a port that is taken, and starts nothing', { timeout: 60_000 }, async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
  });
  const { port } = server.address() as { port: number };
  const stack = startStack(t, { without: SERVICES_ONLY, args: ['--port', `trainer=${port}`] });
  assert.equal(await stack.exitCode, 1);
  assert.match(
    stack.output(),
    new RegExp(`^stack: Port ${port} of 127\\.0\\.0\\.1, which trainer wants, is taken`, 'm'),
  );
  assert.deepEqual(readdirSync(stack.directory), []);
});

test('the stack refuses options that it does not have', async (t) => {
  const stack = startStack(t, { args: ['--port', 'grafana=3000'] });
  assert.equal(await stack.exitCode, 2);
  assert.match(stack.output(), /There is no port "grafana"/);
});
