import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
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

const certificate = (name: string): Record<string, string> => ({
  PEMMICAN_TLS_CERTIFICATE_FILE: path.join(CERTIFICATES, `${name}.pem`),
  PEMMICAN_TLS_KEY_FILE: path.join(CERTIFICATES, `${name}.key`),
});

test('probe speaks TLS where the service does', { timeout: 60_000 }, async (t) => {
  const variables = certificate('server');
  const address = await serve(t, () => '127.0.0.1:0', variables);
  await probe(address, variables);
  await assert.rejects(probe(address, {}), 'plain text to a server of TLS is no answer');
});

test("probe shows the service's certificate where callers must have one", { timeout: 60_000 }, async (t) => {
  const authority = { PEMMICAN_TLS_CLIENT_CA_FILE: path.join(CERTIFICATES, 'authority.pem') };
  const variables = { ...certificate('server-and-client'), ...authority };
  const address = await serve(t, () => '127.0.0.1:0', variables);
  await probe(address, variables);
  await assert.rejects(probe(address, certificate('server-and-client')), 'none is shown');
  await assert.rejects(probe(address, { ...certificate('client-of-stranger'), ...authority }), "a stranger's");
  await assert.rejects(probe(address, { ...certificate('server'), ...authority }), 'one that may not be a client');
});

test(
  'probe takes nothing but SERVING: not NOT_SERVING, not an error, and no silence',
  { timeout: 60_000 },
  async (t) => {
    const server = new Server();
    const health = new HealthImplementation({});
    health.addToServer(server);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    t.after(() => {
      server.forceShutdown();
      silent.close();
    });
    const address = `127.0.0.1:${port}`;
    await assert.rejects(probe(address, {}), /not SERVING \(answer empty\)/, 'NOT_FOUND has no message');
    health.setStatus('', 'NOT_SERVING');
    // Field 1 (0x08), NOT_SERVING = 2, in a frame of two bytes.
    await assert.rejects(probe(address, {}), /not SERVING \(answer 00000000020802\)/);
    health.setStatus('', 'SERVING');
    await probe(address, {});
    await assert.rejects(probe(`127.0.0.1:${(silent.address() as AddressInfo).port}`, {}), /no answer in 4000 ms/);
  },
);

test('probe refuses what is not there or answers otherwise', { timeout: 60_000 }, async () => {
  await assert.rejects(probe('127.0.0.1:9', {}), /ECONNREFUSED/);
  await assert.rejects(probe('', {}));
});
