import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  status as grpcStatus,
  type ClientReadableStream,
  type ClientWritableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { refusalOf } from '@pemmican/testkit';
import { startEcho, type Echo, type EchoMethods } from '../test/echo-service.ts';
import { Handlers, RpcError, createLogger, type ErrorRule } from './mod.ts';

type Json = Record<string, unknown>;
const RULES: readonly ErrorRule[] = [{ name: 'RangeError', codes: { '*': grpcStatus.OUT_OF_RANGE } }];

async function echo(t: TestContext, methods: EchoMethods, maxStallMs?: number): Promise<Echo & { log: string[] }> {
  const log: string[] = [];
  const logger = createLogger('test', 'error', (line) => void log.push(line));
  const started = await startEcho(
    new Handlers({ rules: RULES, logger, ...(maxStallMs === undefined ? {} : { maxStallMs }) }),
    methods,
  );
  t.after(() => started.close());
  return { ...started, log };
}

type Unary = (
  request: Json,
  options: Json,
  done: (error: ServiceError | null, response?: Json) => void,
) => { cancel(): void };

function call({ client }: Echo, request: Json, options: Json = {}): Promise<Json> {
  return new Promise((resolve, reject) => {
    (client.Once as unknown as Unary).call(client, request, options, (error, response) => {
      if (error === null) resolve(response ?? {});
      else reject(error);
    });
  });
}

const many = ({ client }: Echo): ClientReadableStream<Json> =>
  (client.Many as unknown as (request: Json) => ClientReadableStream<Json>).call(client, {});

const failure = async (work: Promise<unknown>): Promise<ReturnType<typeof refusalOf>> => {
  const error: unknown = await work.then(
    () => assert.fail('It was not refused'),
    (reason: unknown) => reason,
  );
  return refusalOf(error);
};

test('Handlers.unary answers, tells an RpcError as it is and a library’s error by the service’s rules', async (t) => {
  const service = await echo(t, {
    once: ({ kind, value }) => {
      if (kind === 'rpc')
        throw new RpcError({ code: grpcStatus.ABORTED, reason: 'BUSY', message: 'busy', metadata: { by: 'you' } });
      if (kind === 'range') throw new RangeError('9 is over the limit of 8');
      return { value };
    },
  });
  assert.deepEqual(await call(service, { value: 7 }), { value: 7 });
  assert.deepEqual(await failure(call(service, { kind: 'rpc' })), {
    code: 'ABORTED',
    reason: 'BUSY',
    metadata: { by: 'you' },
    message: 'busy',
  });
  const { code, reason, message } = await failure(call(service, { kind: 'range' }));
  assert.deepEqual([code, reason, message], ['OUT_OF_RANGE', 'RANGE_ERROR', '9 is over the limit of 8']);
});

test('Handlers.unary tells nothing of an error that no rule knows, and logs it under the number that it tells', async (t) => {
  const service = await echo(t, {
    once: () => {
      throw new TypeError('secret of /etc/passwd');
    },
  });
  const told = await failure(call(service, {}));
  assert.deepEqual([told.code, told.reason], ['INTERNAL', 'INTERNAL']);
  assert.doesNotMatch(JSON.stringify(told), /secret|passwd/);
  assert.equal(service.log.length, 1);
  assert.match(service.log[0]!, /secret of \/etc\/passwd/);
  assert.ok(service.log[0]!.includes(told.metadata['incident']!));
});

test('Handlers.unary aborts its signal when the client’s deadline passes', async (t) => {
  const aborted = Promise.withResolvers<void>();
  const service = await echo(t, {
    once: async (_request, signal) => {
      signal.addEventListener('abort', () => {
        aborted.resolve();
      });
      await aborted.promise;
      return {};
    },
  });
  await assert.rejects(call(service, {}, { deadline: Date.now() + 200 }), { code: grpcStatus.DEADLINE_EXCEEDED });
  await aborted.promise;
});

test('Handlers.serverStream gives messages in order and ends its iteration when the client goes', async (t) => {
  let sent = 0;
  const ended = Promise.withResolvers<boolean>();
  const service = await echo(t, {
    many: async function* (_request, signal) {
      try {
        for (; !signal.aborted; sent++) {
          yield { sent };
          await new Promise(setImmediate);
        }
      } finally {
        ended.resolve(signal.aborted);
      }
    },
  });
  const stream = many(service);
  const seen: unknown[] = [];
  await assert.rejects(
    async () => {
      for await (const message of stream) {
        seen.push((message as Json)['sent']);
        if (seen.length === 20) stream.cancel();
      }
    },
    { code: grpcStatus.CANCELLED },
  );
  assert.deepEqual(
    seen.slice(0, 20),
    Array.from({ length: 20 }, (_, index) => index),
  );
  assert.equal(await ended.promise, true);
});

test('Handlers.serverStream tells an error after the messages that came before it', async (t) => {
  const service = await echo(t, {
    many: async function* () {
      yield { sent: 1 };
      await Promise.resolve();
      throw new RangeError('no more');
    },
  });
  const seen: unknown[] = [];
  const told = await failure(
    (async () => {
      for await (const message of many(service)) seen.push(message);
    })(),
  );
  assert.deepEqual([seen, told.code, told.message], [[{ sent: 1 }], 'OUT_OF_RANGE', 'no more']);
});

test('Handlers.serverStream keeps little for a client that does not read, and lets it go with the token to resume from', async (t) => {
  const padding = 'x'.repeat(100_000);
  let sent = 0;
  const service = await echo(
    t,
    {
      many: async function* () {
        for (;;) {
          sent++;
          yield { padding, resumeToken: `token-${sent}` };
          await Promise.resolve();
        }
      },
    },
    300,
  );
  const stream = many(service);
  // Reads one message and falls asleep.
  await once(stream, 'readable');
  stream.read();
  for (let before = -1; before !== sent;) {
    before = sent;
    await delay(500);
  }
  // 64 kB of flow control on each side and a stream's buffer of 16 messages: nowhere near an endless stream.
  assert.ok(sent < 60, `${sent} messages of 100 kB`);
  let last = '';
  const told = await failure(
    (async () => {
      for await (const message of stream) last = String((message as Json)['resumeToken']);
    })(),
  );
  assert.deepEqual([told.code, told.reason], ['RESOURCE_EXHAUSTED', 'WATCHER_TOO_SLOW'], told.message);
  assert.equal(told.metadata['resumeToken'], last);
  assert.equal(last, `token-${sent}`);
});

test('Handlers.clientStream reads the client’s messages to their end, and is aborted when the client goes', async (t) => {
  const aborted = Promise.withResolvers<void>();
  const service = await echo(t, {
    collect: async (requests, signal) => {
      signal.addEventListener('abort', () => {
        aborted.resolve();
      });
      let sum = 0;
      for await (const { value } of requests) sum += Number(value);
      return { sum };
    },
  });
  type Collect = (done: (error: ServiceError | null, response?: Json) => void) => ClientWritableStream<Json>;
  const start = (done: (error: ServiceError | null, response?: Json) => void): ClientWritableStream<Json> =>
    (service.client.Collect as unknown as Collect).call(service.client, done);
  const answer = await new Promise<Json>((resolve, reject) => {
    const stream = start((error, response) => {
      if (error === null) resolve(response ?? {});
      else reject(error);
    });
    for (const value of [1, 2, 3]) stream.write({ value });
    stream.end();
  });
  assert.deepEqual(answer, { sum: 6 });
  const gone = start(() => undefined);
  gone.write({ value: 1 });
  await delay(100);
  gone.cancel();
  await aborted.promise;
  await delay(100);
  assert.deepEqual(service.log, [], 'that a client goes is no internal error');
});
