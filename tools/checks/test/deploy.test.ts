import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { REPOSITORY_ROOT } from '../src/step.ts';

const SYSTEMD = path.join(REPOSITORY_ROOT, 'deploy/systemd');
const SERVICES = ['vocabulary-analysis', 'embedding-surgery', 'trainer'] as const;
const unit = readFileSync(path.join(SYSTEMD, 'pemmican@.service'), 'utf8');

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-deploy-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** `KEY=VALUE` lines, as systemd reads an EnvironmentFile. */
function readEnvironment(service: string): Record<string, string> {
  const lines = readFileSync(path.join(SYSTEMD, `${service}.env`), 'utf8').split('\n');
  return Object.fromEntries(
    lines.filter((line) => /^[A-Z_]+=/.test(line)).map((line) => line.split('=', 2) as [string, string]),
  );
}

async function healthOf(address: string, isAlive: () => boolean): Promise<number> {
  const client = new Client(address, credentials.createInsecure());
  const same = (bytes: Buffer): Buffer => bytes;
  try {
    for (;;) {
      const answer = await new Promise<Buffer | undefined>((resolve) => {
        const options = { deadline: Date.now() + 2000 };
        client.makeUnaryRequest(
          '/grpc.health.v1.Health/Check',
          same,
          same,
          Buffer.alloc(0),
          options,
          (error, response) => {
            resolve(error === null ? response : undefined);
          },
        );
      });
      // Field 1 of HealthCheckResponse.
      if (answer !== undefined) return answer[1] ?? 0;
      assert.ok(isAlive(), 'the service ended before it answered');
      await delay(100);
    }
  } finally {
    client.close();
  }
}

test('systemd reads the unit of each service without a complaint', (t) => {
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) {
    t.skip('systemd-analyze is not installed');
    return;
  }
  const folder = temporaryFolder(t);
  // The user and /opt/pemmican of a machine that was set up as deploy/README.md says.
  const here = unit
    .replaceAll('/opt/pemmican', REPOSITORY_ROOT)
    .replace(/^(User|Group)=.*$/gm, `$1=${userInfo().username}`);
  const file = path.join(folder, 'pemmican@.service');
  const verify = (text: string): { status: number | null; stderr: string } => {
    writeFileSync(file, text);
    return spawnSync('systemd-analyze', ['verify', '--man=no', path.join(folder, 'pemmican@trainer.service')], {
      encoding: 'utf8',
    });
  };
  const { status, stderr } = verify(here);
  assert.deepEqual([status, stderr], [0, '']);
  assert.notEqual(
    verify(here.replace('KillMode=mixed', 'KillMode=mixd')).stderr,
    '',
    'it would complain about an error',
  );
});

for (const service of SERVICES) {
  test(
    `what the unit of ${service} starts answers health checks and ends on SIGTERM`,
    { timeout: 120_000 },
    async (t) => {
      const folder = temporaryFolder(t);
      const environment = readEnvironment(service);
      assert.match(environment['PEMMICAN_LISTEN'] ?? '', /^127\.0\.0\.1:\d+$/);
      const address = `unix:${path.join(folder, 'socket')}`;
      const command = /^ExecStart=(.*)$/m
        .exec(unit)?.[1]
        ?.replaceAll('%i', service)
        .replaceAll('/opt/pemmican', REPOSITORY_ROOT)
        .replaceAll('/var/lib/pemmican', folder)
        .replaceAll('${PEMMICAN_LISTEN}', address)
        .split(' ');
      assert.ok(command !== undefined && command.length > 2);
      const child = spawn(command[0]!, command.slice(1), {
        env: { ...environment, PEMMICAN_LISTEN: address, HOME: folder, PEMMICAN_CACHE_DIR: path.join(folder, 'cache') },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
      t.after(() => child.kill('SIGKILL'));
      assert.equal(await healthOf(address, () => child.exitCode === null), 1, 'SERVING');
      child.kill('SIGTERM');
      assert.equal(await ended, 0);
      // Everything that it wrote is where the unit lets it write.
      assert.ok(readdirSync(path.join(folder, service)).some((name) => name.endsWith('.sqlite')));
    },
  );
}
