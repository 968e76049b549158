import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { engineAnswers, findEngine } from './find-engine.ts';

/** A socket on which something answers `/_ping` with that status. */
async function listen(t: TestContext, folder: string, name: string, statusCode: number): Promise<string> {
  const socket = path.join(folder, name);
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/_ping' ? statusCode : 404).end();
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.after(() => {
    server.close();
  });
  return socket;
}

test('findEngine takes the first socket on which an engine answers, and none of what only looks like one', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-find-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const missing = path.join(folder, 'missing');
  const stale = path.join(folder, 'stale');
  writeFileSync(stale, '');
  const broken = await listen(t, folder, 'broken', 500);
  const [first, second] = [await listen(t, folder, 'first', 200), await listen(t, folder, 'second', 200)];
  assert.equal(await findEngine({}, [missing, stale, broken, first, second]), `unix://${first}`);
  assert.equal(await findEngine({ DOCKER_HOST: '' }, [missing, stale, broken]), undefined);
  assert.equal(await engineAnswers(stale), false);
  // Whoever names one means that one, whatever else answers.
  assert.equal(await findEngine({ DOCKER_HOST: 'tcp://127.0.0.1:1' }, [first]), 'tcp://127.0.0.1:1');
});
