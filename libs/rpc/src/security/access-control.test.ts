import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  Client,
  Metadata,
  Server,
  ServerCredentials,
  credentials,
  status as grpcStatus,
  type ClientReadableStream,
} from '@grpc/grpc-js';
import { refusalOf } from '@pemmican/testkit';
import { startEcho, type EchoMethods } from '../../test/echo-service.ts';
import { Handlers, createLogger, readServerSecurity } from '../mod.ts';
import { accessControl } from './access-control.ts';
import type { Authenticator } from './caller.ts';

const handlers = new Handlers({ logger: createLogger('test', 'silent') });

async function start(t: TestContext, methods: EchoMethods, variables: Record<string, string>): Promise<Client> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-access-'));
  const tokensFile = path.join(folder, 'tokens.csv');
  writeFileSync(tokensFile, 'writer-token-0001,ci,writer\nreader-token-0001,board,reader\n');
  const security = readServerSecurity({ PEMMICAN_TOKENS_FILE: tokensFile, ...variables });
  const { server, close } = await startEcho(handlers, methods, { security });
  const client = new Client(server.address, credentials.createInsecure());
  t.after(async () => {
    client.close();
    await close();
    rmSync(folder, { recursive: true });
  });
  return client;
}

const same = (bytes: Buffer): Buffer => bytes;
const bearer = (value: string): Metadata => {
  const metadata = new Metadata();
  metadata.set('authorization', value);
  return metadata;
};
const READER = bearer('Bearer reader-token-0001');
const WRITER = bearer('bearer writer-token-0001');

function call(
  client: Client,
  path: string,
  metadata = new Metadata(),
  request = '{}',
  deadlineMs = 60_000,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + deadlineMs };
    client.makeUnaryRequest(path, same, same, Buffer.from(request), metadata, options, (error, response) => {
      if (error === null) resolve(String(response));
      else reject(error);
    });
  });
}

function watch(client: Client, metadata: Metadata): ClientReadableStream<Buffer> {
  return client.makeServerStreamRequest('/test.Echo/Many', same, same, Buffer.from('{}'), metadata);
}

async function refuses(action: Promise<unknown>, code: string, reason: string): Promise<void> {
  await assert.rejects(action, (error) => {
    const failure = refusalOf(error);
    assert.deepEqual([failure.code, failure.reason], [code, reason]);
    assert.doesNotMatch(failure.message, /token-0001/);
    return true;
  });
}

test('accessControl lets a reader read, a writer do all, and refuses the others', async (t) => {
  let calls = 0;
  const once = (): Record<string, unknown> => ({ calls: ++calls });
  const many = async function* (): AsyncGenerator<Record<string, unknown>> {
    yield await Promise.resolve({ seen: true });
  };
  const client = await start(t, { once, many }, {});
  assert.equal(await call(client, '/test.Echo/Once', WRITER), '{"calls":1}');
  for (const metadata of [READER, WRITER])
    assert.deepEqual((await watch(client, metadata).toArray()).map(String), ['{"seen":true}']);
  await refuses(call(client, '/test.Echo/Once', READER), 'PERMISSION_DENIED', 'ROLE_MISSING');
  await refuses(call(client, '/test.Echo/Once'), 'UNAUTHENTICATED', 'TOKEN_MISSING');
  for (const wrong of ['Basic d3JpdGVyOnRva2Vu', 'writer-token-0001', 'Bearer', 'Bearer  '])
    await refuses(call(client, '/test.Echo/Once', bearer(wrong)), 'UNAUTHENTICATED', 'TOKEN_MISSING');
  await refuses(
    call(client, '/test.Echo/Once', bearer('Bearer writer-token-0002')),
    'UNAUTHENTICATED',
    'TOKEN_INVALID',
  );
  assert.equal(calls, 1, 'no refused call got through');
});

test('accessControl asks no token of health checks, and one of reflection', async (t) => {
  const client = await start(t, {}, {});
  assert.deepEqual([...Buffer.from(await call(client, '/grpc.health.v1.Health/Check', new Metadata(), ''))], [8, 1]);
  const reflect = (metadata: Metadata): Promise<Buffer[]> => {
    const stream = client.makeBidiStreamRequest(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      same,
      same,
      metadata,
    );
    stream.write(Buffer.from([0x3a, 0]));
    stream.end();
    return stream.toArray() as Promise<Buffer[]>;
  };
  assert.ok(String((await reflect(READER))[0]).includes('pemmican.trainer.v1.TrainerService'));
  await assert.rejects(reflect(new Metadata()), { code: grpcStatus.UNAUTHENTICATED });
});

test('accessControl takes as many open calls of a caller as it may have, and more when some end', async (t) => {
  const many = async function* (_: unknown, signal: AbortSignal): AsyncGenerator<Record<string, unknown>> {
    yield { open: true };
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve);
    });
  };
  const client = await start(t, { many, once: () => ({}) }, { PEMMICAN_MAX_OPEN_CALLS_PER_CALLER: '3' });
  const opened = (stream: ClientReadableStream<Buffer>): Promise<void> =>
    new Promise((resolve, reject) => {
      stream.once('data', () => {
        resolve();
      });
      stream.once('error', reject);
    });
  const streams = [1, 2, 3].map(() => watch(client, READER));
  await Promise.all(streams.map(opened));
  const refused = watch(client, READER);
  await assert.rejects(opened(refused), (error) => {
    const failure = refusalOf(error);
    assert.deepEqual([failure.code, failure.reason], ['RESOURCE_EXHAUSTED', 'TOO_MANY_OPEN_CALLS']);
    assert.match(failure.message, /caller board has 3 calls open/);
    return true;
  });
  assert.equal(await call(client, '/test.Echo/Once', WRITER), '{}', 'another caller has calls of its own');
  const [first, ...others] = streams;
  first?.on('error', () => undefined);
  first?.cancel();
  const next = await untilAdmitted(() => watch(client, READER), opened);
  for (const stream of [...others, next]) {
    stream.on('error', () => undefined);
    stream.cancel();
  }
});

/** The server hears of a cancelled call a moment later. */
async function untilAdmitted(
  open: () => ClientReadableStream<Buffer>,
  opened: (stream: ClientReadableStream<Buffer>) => Promise<void>,
): Promise<ClientReadableStream<Buffer>> {
  for (let tries = 0; ; tries++) {
    const stream = open();
    try {
      await opened(stream);
      return stream;
    } catch (error) {
      if (tries === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

test('accessControl says UNAVAILABLE where the keys that tokens are checked by cannot be had, and not why', async (t) => {
  const authenticator = {
    authenticate: (): Promise<undefined> => Promise.reject(new Error('getaddrinfo ENOTFOUND keys.example')),
  };
  const { client, close } = await startOnce(authenticator);
  t.after(close);
  await refuses(call(client, '/test/Once', WRITER), 'UNAVAILABLE', 'TOKEN_NOT_CHECKED');
  await assert.rejects(call(client, '/test/Once', WRITER), (error) => !String(error).includes('keys.example'));
});

test('accessControl does not count a call whose caller has gone while its token was checked', async (t) => {
  const checks: (() => void)[] = [];
  const authenticator = {
    authenticate: async () => {
      await new Promise<void>((resolve) => checks.push(resolve));
      return { name: 'ci', role: 'writer' as const };
    },
  };
  const { client, close } = await startOnce(authenticator);
  t.after(close);
  const untilChecked = async (count: number): Promise<void> => {
    while (checks.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const gone = call(client, '/test/Once', WRITER, 'gone', 50);
  await assert.rejects(gone, { code: grpcStatus.DEADLINE_EXCEEDED });
  await untilChecked(1);
  checks[0]?.();
  const next = call(client, '/test/Once', WRITER, 'next');
  await untilChecked(2);
  checks[1]?.();
  assert.equal(await next, 'next');
});

test('readServerSecurity names variables that are wrong, or that belong together', () => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ PEMMICAN_TLS_KEY_FILE: 'k' }, /PEMMICAN_TLS_CERTIFICATE_FILE and PEMMICAN_TLS_KEY_FILE belong together/],
    [{ PEMMICAN_TLS_CLIENT_CA_FILE: 'c' }, /belong together/],
    [{ PEMMICAN_JWT_KEYS: 'k', PEMMICAN_JWT_ISSUER: 'i' }, /PEMMICAN_JWT_AUDIENCE belong together/],
    [{ PEMMICAN_MAX_OPEN_CALLS_PER_CALLER: '0' }, /PEMMICAN_MAX_OPEN_CALLS_PER_CALLER: "0" is not a whole number/],
    [{ PEMMICAN_MAX_OPEN_CALLS_PER_CALLER: 'many' }, /"many" is not a whole number/],
  ];
  for (const [environment, message] of cases) assert.throws(() => readServerSecurity(environment), message);
  assert.deepEqual(readServerSecurity({ PEMMICAN_TOKENS_FILE: '' }), { maxOpenCallsPerCaller: 2000 });
});

/** A server of one method, which callers may have open once. */
async function startOnce(authenticator: Authenticator): Promise<{ client: Client; close: () => void }> {
  const settings = { authenticator, maxOpenCalls: 1, roleOf: () => 'reader' as const };
  const server = new Server({ interceptors: [accessControl({ ...settings, logger: createLogger('test', 'silent') })] });
  const once = { path: '/test/Once', requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same }; // prettier-ignore
  server.addService({ once }, { once: handlers.unary((request: Buffer) => request) });
  const port = await new Promise<number>((resolve) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_, bound) => {
      resolve(bound);
    });
  });
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  return {
    client,
    close: () => {
      client.close();
      server.forceShutdown();
    },
  };
}
