import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

const MAIN = path.join(import.meta.dirname, 'main.ts');

function run(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): [number | null, string] {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, ...argv], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  return [status, stderr];
}

test('the command says what is wrong with its words, and ends with 2', () => {
  for (const [argv, message] of [
    [['make'], /There is no verb "make"\nusage:/],
    [['stage', '--service', 'trainr'], /There is no service "trainr"; there are vocabulary-analysis, /],
    [['stage', '--output', '/nowhere'], /--output is for one --service/],
    [['build', '--device', 'tpu'], /--device is cpu or gpu, not "tpu"/],
  ] as const) {
    const [status, stderr] = run(argv);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
  }
});

test('an engine that DOCKER_HOST names and that does not answer is an error, and no other is started', () => {
  const [status, stderr] = run(['build'], { DOCKER_HOST: 'unix:///nowhere/docker.sock' });
  assert.equal(status, 1, stderr);
  assert.match(stderr, /DOCKER_HOST is unix:\/\/\/nowhere\/docker\.sock, and no Docker engine answers there/);
});
