import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Client, credentials, status as grpcStatus, type ClientReadableStream } from '@grpc/grpc-js';
import { readDescriptorSet } from '@pemmican/contract/descriptor-set';
import { startEcho } from '../test/echo-service.ts';
import { Handlers, createLogger, readServerSecurity, splitFileDescriptorSet, startServer } from './mod.ts';

const handlers = new Handlers({ logger: createLogger('test', 'silent') });
const same = (bytes: Buffer): Buffer => bytes;

/** A call by raw bytes, as a client in any language makes it. */
function unary(client: Client, method: string, request: number[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(method, same, same, Buffer.from(request), (error, response) => {
      if (error === null && response !== undefined) resolve(response);
      else reject(error ?? new Error('No answer'));
    });
  });
}

// grpc.health.v1: field 1 of the request is the service, field 1 of the response the status (1 SERVING, 2 NOT_SERVING).
const healthRequest = (service: string): number[] =>
  service === '' ? [] : [0x0a, service.length, ...Buffer.from(service)];

test('startServer answers grpc.health.v1 for the whole server and for each service, and NOT_FOUND for others', async (t) => {
  const { server, close } = await startEcho(handlers, {});
  t.after(close);
  const client = new Client(server.address, credentials.createInsecure());
  t.after(() => {
    client.close();
  });
  for (const service of ['', 'test.Echo'])
    assert.deepEqual([...(await unary(client, '/grpc.health.v1.Health/Check', healthRequest(service)))], [0x08, 1]);
  await assert.rejects(unary(client, '/grpc.health.v1.Health/Check', healthRequest('test.None')), {
    code: grpcStatus.NOT_FOUND,
  });
});

test('startServer answers health checks at a second address in plain text, whatever the first one asks for', async (t) => {
  const tokensFile = path.join(mkdtempSync(path.join(tmpdir(), 'pemmican-probes-')), 'tokens.csv');
  t.after(() => {
    rmSync(path.dirname(tokensFile), { recursive: true });
  });
  writeFileSync(tokensFile, '0123456789abcdef,someone,writer');
  const security = { ...readServerSecurity({ PEMMICAN_HEALTH_LISTEN: '127.0.0.1:0' }), tokensFile };
  const { server, close } = await startEcho(handlers, {}, { security });
  assert.match(server.healthAddress ?? '', /^127\.0\.0\.1:[1-9]\d*$/);
  assert.notEqual(server.healthAddress, server.address);
  const probe = new Client(server.healthAddress!, credentials.createInsecure());
  t.after(() => {
    probe.close();
  });
  assert.deepEqual([...(await unary(probe, '/grpc.health.v1.Health/Check', healthRequest('test.Echo')))], [0x08, 1]);
  await assert.rejects(unary(probe, '/test.Echo/Once', [0x7b, 0x7d]), { code: grpcStatus.UNIMPLEMENTED });
  await assert.rejects(unary(probe, '/grpc.health.v1.Health/Check', healthRequest('x'.repeat(5000))), {
    code: grpcStatus.RESOURCE_EXHAUSTED,
  });
  await close();
  await assert.rejects(unary(probe, '/grpc.health.v1.Health/Check', []), { code: grpcStatus.UNAVAILABLE });
});

test('startServer keeps no port when the address of health checks cannot be had', async (t) => {
  const { server, close } = await startEcho(handlers, {});
  t.after(close);
  const security = readServerSecurity({ PEMMICAN_HEALTH_LISTEN: server.address });
  await assert.rejects(startEcho(handlers, {}, { security }), /Cannot listen on/);
});

test('stop says NOT_SERVING to whoever watches before it ends the calls', async () => {
  const { server, client } = await startEcho(handlers, {});
  const health = new Client(server.address, credentials.createInsecure());
  const stream: ClientReadableStream<Buffer> = health.makeServerStreamRequest(
    '/grpc.health.v1.Health/Watch',
    same,
    same,
    Buffer.from(healthRequest('test.Echo')),
  );
  const statuses: number[] = [];
  await assert.rejects(async () => {
    for await (const message of stream) {
      statuses.push((message as Buffer)[1] ?? 0);
      if (statuses.length === 1) void server.stop(500);
    }
  });
  assert.deepEqual(statuses, [1, 2]);
  health.close();
  client.close();
});

test('startServer answers reflection v1 and v1alpha with the services and their files', async (t) => {
  const { server, close } = await startEcho(handlers, {});
  t.after(close);
  const client = new Client(server.address, credentials.createInsecure());
  t.after(() => {
    client.close();
  });
  const ask = (version: string, request: number[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const stream = client.makeBidiStreamRequest(
        `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
        same,
        same,
      );
      stream.on('data', (bytes: Buffer) => {
        resolve(bytes.toString('latin1'));
        stream.end();
      });
      stream.on('error', reject);
      stream.write(Buffer.from(request));
    });
  const symbol = 'pemmican.trainer.v1.TrainerService';
  for (const version of ['v1', 'v1alpha']) {
    // list_services = 7; file_containing_symbol = 4
    const services = await ask(version, [0x3a, 0]);
    for (const name of ['trainer.v1.TrainerService', 'surgery.v1.EmbeddingSurgeryService'])
      assert.ok(services.includes(`pemmican.${name}`), services);
    const file = await ask(version, [0x22, symbol.length, ...Buffer.from(symbol)]);
    assert.ok(file.includes('pemmican/trainer/v1/trainer_service.proto'));
    assert.ok(file.includes('WatchRun'));
  }
});

test('startServer takes the socket file that a killed process left, and refuses an address that is in use', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'pemmican-server-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const socket = path.join(folder, 'left.sock');
  writeFileSync(socket, '');
  const settings = { services: [], descriptorSet: readDescriptorSet(), logger: createLogger('test', 'silent') };
  const first = await startServer({ ...settings, listen: `unix:${socket}` });
  assert.equal(first.address, `unix:${socket}`);
  await first.stop(0);
  const second = await startServer({ ...settings, listen: '127.0.0.1:0' });
  assert.match(second.address, /^127\.0\.0\.1:[1-9]\d*$/);
  await assert.rejects(
    startServer({ ...settings, listen: second.address }),
    new RegExp(`Cannot listen on ${second.address}`),
  );
  await second.stop(0);
});

test('splitFileDescriptorSet gives every file byte for byte, and refuses what is no set or is cut off', () => {
  const set = readDescriptorSet();
  const files = splitFileDescriptorSet(set);
  const tags = files.reduce((sum, file) => sum + 1 + (file.length < 128 ? 1 : file.length < 16_384 ? 2 : 3), 0);
  assert.equal(tags + files.reduce((sum, file) => sum + file.length, 0), set.length);
  assert.ok(files.some((file) => file.includes('pemmican/trainer/v1/trainer.proto')));
  assert.throws(() => splitFileDescriptorSet(Uint8Array.of(0x12, 1, 0)), /Not a FileDescriptorSet: tag 18/);
  assert.throws(() => splitFileDescriptorSet(Uint8Array.of(10, 0x80)), /cut off/);
  assert.throws(() => splitFileDescriptorSet(Uint8Array.of(10, 5, 1, 2)), /cut off/);
});
