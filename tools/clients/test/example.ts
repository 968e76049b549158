import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { runStateToJSON, type WatchRunResponse } from '@pemmican/contract/trainer';
import { CuttingProxy } from '@pemmican/testkit';
import { TrainerServer } from '../src/trainer-server.ts';

/** How a language's example is started; the options that every example takes come after it. */
export interface ExampleCommand {
  readonly command: string;
  readonly arguments: readonly string[];
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

// Within the first events of a run: the answers to two CreateRun have 1 kB, the events up to the third step some 4 kB.
const CUT_AFTER_BYTES = 1_800;
const TIMEOUT_MS = 120_000;
const MEMORY_SAMPLES = 3;

/**
 * Runs an example against a real trainer and holds what it prints against what a watch from the start tells of the same run.
 * @param network `cut`: plain text over a connection that is cut in the middle; `guarded`: a server with a certificate and a
 *   token, as others reach it
 */
export async function checkExample(t: TestContext, command: ExampleCommand, network: 'cut' | 'guarded'): Promise<void> {
  const isCut = network === 'cut';
  const server = await TrainerServer.start(!isCut);
  t.after(() => server.stop());
  const proxy = isCut ? await CuttingProxy.start(server.port, { afterBytes: CUT_AFTER_BYTES }) : undefined;
  t.after(() => proxy?.stop());
  const at = (name: string): string => path.join(server.folder, name);
  const lines = await linesOf(command, [
    ...['--server', `localhost:${proxy?.port ?? server.port}`, ...server.options],
    ...['--model', at('model'), '--train-file', at('train.jsonl'), '--output', at('output')],
  ]);
  const name = /^created (runs\/\S+)$/.exec(lines.shift() ?? '')?.[1] ?? '';
  assert.equal(lines.shift(), `created again with the same request id: ${name}`);

  const events = await server.events(name);
  assert.equal(events.at(-1)?.event?.$case, 'stateChange');
  assert.deepEqual(
    lines.filter((line) => line.startsWith('event ')),
    events.map(eventLine),
  );
  const lost = lines.filter((line) => line.startsWith('connection lost'));
  const disconnected = lines.filter((line) => line.startsWith('disconnected after event'));
  assert.deepEqual(
    [proxy?.cutCount ?? 0, lost.length, disconnected.length],
    isCut ? [1, 1, 1] : [0, 0, 1],
    lines.join('\n'),
  );
  const memory = lines.filter((line) => line.startsWith('memory sample'));
  assert.equal(memory.length, MEMORY_SAMPLES);
  // The run's process has TensorFlow mapped: what the example read are bytes, and those of the run.
  for (const line of memory) {
    const found = /^memory sample \d: host (\S+) MB of (\S+) MB, run (\S+) MB$/.exec(line);
    assert.ok(found !== null && Number(found[1]) < Number(found[2]) && Number(found[3]) > 50, line);
  }
  assert.deepEqual(lines.slice(lines.indexOf(`saw ${events.length} events, none lost, none repeated`)), [
    `saw ${events.length} events, none lost, none repeated`,
    `error FAILED_PRECONDITION: ${name} has ended already`,
    '  reason ALREADY_FINAL of pemmican',
    `  resource ${name} of runs`,
    'error INVALID_ARGUMENT: spec.options.learning_rate: learningRate is -1, expected a number from 0 to 1000',
    '  reason INVALID_FIELD of pemmican',
    '  field spec.options.learning_rate learningRate is -1, expected a number from 0 to 1000',
  ]);
}

function eventLine({ sequence, event }: WatchRunResponse): string {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const line = (what: string): string => `event ${sequence} ${what}`;
  switch (event?.$case) {
    case 'stateChange':
      return line(`state ${runStateToJSON(event.value.state).replace('RUN_STATE_', '')}`);
    case 'phase':
      return line(`phase ${event.value.phase}`);
    case 'step':
      return line(`step ${event.value.step} loss ${event.value.loss.toFixed(4)}`);
    case 'deviceMemory':
      return line(`memory ${megabytes(event.value.processBytes)}`);
    case 'evaluation':
      return line(`evaluation at step ${event.value.step} loss ${event.value.loss.toFixed(4)}`);
    case 'checkpoint':
      return line(`checkpoint at step ${event.value.step}`);
    case 'log':
      return line(`log ${event.value.severity} ${event.value.message}`);
    case undefined:
      throw new Error(`Event ${sequence} is empty`);
  }
}

/** Runs a command that has to succeed; the lines that it printed. */
async function linesOf(command: ExampleCommand, options: readonly string[]): Promise<string[]> {
  const child = spawn(command.command, [...command.arguments, ...options], {
    ...(command.folder === undefined ? {} : { cwd: command.folder }),
    env: { ...process.env, ...command.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  assert.equal(code, 0, `${command.command} ended with ${String(code)}:\n${said.stderr}\n${said.stdout}`);
  return said.stdout.trimEnd().split('\n');
}
