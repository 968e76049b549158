import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { endProcess, forkService } from '@pemmican/testkit';
import { probe } from './probe.ts';

const CERTIFICATES = path.resolve(import.meta.dirname, '../../../../libs/rpc/test/certificates');

/** A real service, asked for its address by the variables that it has itself. */
async function serve(
  t: TestContext,
  listenIn: (folder: string) => string,
  variables: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-probe-'));
  const { child, listening } = forkService('embedding-surgery', {
    PEMMICAN_LISTEN: listenIn(folder),
    PEMMICAN_STATE_DIRECTORY: path.join(folder, 'state'),
    PEMMICAN_LOG_LEVEL: 'silent',
    ...variables,
  });
  t.after(async () => {
    await endProcess(child, 'SIGKILL');
    rmSync(folder, { recursive: true });
  });
  return listening;
}

test('probe finds a service that is SERVING, in plain text and on a socket', { timeout: 60_000 }, async (t) => {
  await probe(await serve(t, () => '127.0.0.1:0', {}), {});
  await probe(await serve(t, (folder) => `unix:${path.join(folder, 'socket')}`, {}), {});
});

test(
  'probe speaks TLS where the service does, and shows a certificate where callers must',
  { timeout: 60_000 },
  async (t) => {
    const variables = {
      PEMMICAN_TLS_CERTIFICATE_FILE: path.join(CERTIFICATES, 'server.pem'),
      PEMMICAN_TLS_KEY_FILE: path.join(CERTIFICATES, 'server.key'),
    };
    const address = await serve(t, () => '127.0.0.1:0', variables);
    await probe(address, variables);
    await assert.rejects(probe(address, {}), 'plain text to a server of TLS is no answer');
  },
);

test('probe refuses what is not there or answers otherwise', { timeout: 60_000 }, async () => {
  await assert.rejects(probe('127.0.0.1:9', {}), /ECONNREFUSED/);
  await assert.rejects(probe('', {}));
});
