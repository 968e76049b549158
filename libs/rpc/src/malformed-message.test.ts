import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, Metadata, credentials, status as grpcStatus } from '@grpc/grpc-js';
import { callRaw, refusalOf } from '@pemmican/testkit';
import { startEcho } from '../test/echo-service.ts';
import { Handlers, createLogger } from './mod.ts';

const handlers = new Handlers({ logger: createLogger('test', 'silent') });

test('a server tells a client whose bytes are no message of the method so, where gRPC would say INTERNAL', async (t) => {
  let calls = 0;
  let isAborted = false;
  const { server, close } = await startEcho(handlers, {
    once: () => ({ calls: ++calls }),
    many: async function* () {
      yield await Promise.resolve({ calls: ++calls });
    },
    collect: async (requests) => {
      try {
        for await (const _ of requests) calls++;
      } catch (error) {
        isAborted = true;
        throw error;
      }
      return {};
    },
  });
  const client = new Client(server.address, credentials.createInsecure());
  t.after(async () => {
    client.close();
    await close();
  });
  const cut = Buffer.from('{"cut');
  for (const [path, messages, callsBefore] of [
    ['/test.Echo/Once', [cut], 0],
    ['/test.Echo/Many', [cut], 0],
    ['/test.Echo/Collect', [Buffer.from('{}'), cut], 1],
    // A field of a wire type that there is none of.
    ['/grpc.health.v1.Health/Check', [Buffer.from([0x0f])], 1],
    ['/grpc.health.v1.Health/Watch', [Buffer.from([0x0f])], 1],
    ['/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', [Buffer.from([0x0f])], 1],
  ] as const) {
    await assert.rejects(callRaw(client, path, messages), (error) => {
      const { code, reason, message } = refusalOf(error);
      assert.deepEqual([code, reason], ['INVALID_ARGUMENT', 'MALFORMED_MESSAGE'], message);
      assert.ok(message.includes(path), message);
      return true;
    });
    assert.equal(calls, callsBefore, path);
  }
  assert.ok(isAborted, 'whoever reads a stream is told');
  assert.equal(String((await callRaw(client, '/test.Echo/Once', [Buffer.from('{}')]))[0]), '{"calls":2}');
});

test('a message that ends in half of a surrogate pair, or names a thousand fields, reaches the client', async (t) => {
  const { RpcError, invalidArgument, notFound } = await import('./mod.ts');
  const long = 'y'.repeat(50_000);
  const errors = [
    // Percent-encoding it would throw outside of every handler, and end the process.
    notFound('runs', `${'x'.repeat(1986)}\u{1f600}${'x'.repeat(100)}`),
    notFound('runs', '\ud800'),
    notFound('runs', '\u{1f600}'.repeat(3000)),
    notFound(long, long),
    invalidArgument(Array.from({ length: 5000 }, (_, index) => ({ field: `files[${index}].uri`, description: long }))),
    new RpcError({ code: grpcStatus.ABORTED, reason: 'LONG', message: long, metadata: { file: long } }),
  ];
  const { server, close } = await startEcho(handlers, {
    once: ({ index }) => {
      throw errors[Number(index)]!;
    },
  });
  const client = new Client(server.address, credentials.createInsecure());
  t.after(async () => {
    client.close();
    await close();
  });
  for (const [index, { code, reason }] of errors.entries()) {
    const request = Buffer.from(JSON.stringify({ index }));
    await assert.rejects(callRaw(client, '/test.Echo/Once', [request], { metadata: new Metadata() }), (error) => {
      const told = refusalOf(error);
      assert.deepEqual([told.code, told.reason], [grpcStatus[code], reason]);
      return true;
    });
  }
});

test('gRPC itself refuses unknown methods, calls without a message or with two, and messages that are too large', async (t) => {
  const { server, close } = await startEcho(handlers, { once: () => ({}) });
  const client = new Client(server.address, credentials.createInsecure(), { 'grpc.max_send_message_length': -1 });
  t.after(async () => {
    client.close();
    await close();
  });
  const json = Buffer.from('{}');
  const large = Buffer.alloc(16 * 1024 * 1024 + 1, ' ');
  for (const [path, messages, code] of [
    ['/test.Echo/None', [json], grpcStatus.UNIMPLEMENTED],
    ['/test.None/Once', [json], grpcStatus.UNIMPLEMENTED],
    ['/test.Echo/Once', [], grpcStatus.UNIMPLEMENTED],
    ['/test.Echo/Once', [json, json], grpcStatus.UNIMPLEMENTED],
    ['/test.Echo/Once', [large], grpcStatus.RESOURCE_EXHAUSTED],
  ] as const)
    await assert.rejects(callRaw(client, path, messages), { code }, path);
});
