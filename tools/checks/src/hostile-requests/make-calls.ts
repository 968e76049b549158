import { Metadata } from '@grpc/grpc-js';
import type { CalledMethod } from '@pemmican/testkit';
import type { Code, HostileCall } from './hostile-calls.ts';
import { spoiled } from './messages.ts';
import type { Random } from './random.ts';
import { hostileText, withHostileFields } from './values.ts';

/** What of a service can be called, with what. */
export interface Target {
  readonly methods: Readonly<Record<string, CalledMethod>>;
  /** A request of each method that is refused as it is: nothing that is made of it may be accepted. */
  readonly refused: Readonly<Record<string, object>>;
  /** Requests with a path in one of its fields, each checked and not started. */
  readonly withPath: readonly ((uri: string) => readonly [method: string, request: object])[];
  /** Methods that check what a path looks like, and leave it to the job to open it. */
  readonly opensNothing: readonly string[];
  /** Methods that read a place, and answer where there is something to read. */
  readonly answers?: readonly string[];
  /** A request that would be fine, and is checked only. */
  readonly checked: readonly [method: string, request: object];
  readonly listMethod: string;
  readonly watchMethod: string;
  /** A job that has ended. */
  readonly finished: string;
}

const REFUSALS: readonly Code[] = [
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'PERMISSION_DENIED',
  'FAILED_PRECONDITION',
  'OUT_OF_RANGE',
];
const token = (text: string): string => Buffer.from(text).toString('base64url');

/** Hostile calls of every kind. */
export function makeCalls(
  target: Target,
  places: { readonly outside: readonly string[]; readonly inside: readonly string[] },
  random: Random,
): HostileCall[] {
  const calls: HostileCall[] = [];
  const bytesOf = (method: string, request: object): Buffer => {
    const called = target.methods[method];
    if (called === undefined) throw new Error(`There is no method ${method}`);
    return called.requestSerialize(request as never);
  };
  const add = (
    kind: string,
    method: string,
    messages: readonly Buffer[],
    allowed: readonly Code[],
    more: Partial<HostileCall> = {},
  ): void => {
    calls.push({ kind, path: target.methods[method]?.path ?? method, messages, allowed, ...more });
  };
  /** Adds a call where the client's own encoder lets it out. */
  const addRequest = (kind: string, method: string, make: () => object, allowed: readonly Code[]): void => {
    for (let tries = 0; tries < 20; tries++) {
      try {
        add(kind, method, [bytesOf(method, make())], allowed);
        return;
      } catch {
        // A number that this field's type does not have.
      }
    }
  };
  const { listMethod, watchMethod, finished } = target;
  const isEndless = (method: string): boolean => method === 'watchDeviceMemory';
  for (const [method, request] of Object.entries(target.refused)) {
    const good = bytesOf(method, request);
    const extra: Code[] = method === listMethod ? ['OK'] : isEndless(method) ? ['DEADLINE_EXCEEDED'] : [];
    for (let count = 0; count < 24; count++)
      add(
        'spoiled bytes',
        method,
        [spoiled(good, random)],
        [...REFUSALS, ...extra],
        isEndless(method) ? { deadlineMs: 300 } : {},
      );
    for (let count = 0; count < 8; count++)
      addRequest('hostile fields', method, () => withHostileFields(request, random), [
        ...REFUSALS,
        ...extra,
        ...(isEndless(method) ? (['DEADLINE_EXCEEDED'] as const) : []),
      ]);
    add('no message', method, [], ['UNIMPLEMENTED', 'INVALID_ARGUMENT']);
    add('too many messages', method, [good, good, good], ['UNIMPLEMENTED', 'INVALID_ARGUMENT']);
    for (const cancelAfterMs of [0, 1, 5, 30])
      add('a client that goes', method, [good], ['CANCELLED', ...REFUSALS, ...extra], { cancelAfterMs });
    add('a half-written stream', method, [], ['CANCELLED', 'UNIMPLEMENTED', 'INVALID_ARGUMENT'], { cancelAfterMs: 50 });
    add('no time', method, [good], ['DEADLINE_EXCEEDED', ...REFUSALS, ...extra], { deadlineMs: 1 });
  }
  add('a message over 16 MiB', listMethod, [Buffer.alloc(17 * 1024 ** 2, 1)], ['RESOURCE_EXHAUSTED']);
  add('a message of 15 MiB', listMethod, [Buffer.alloc(15 * 1024 ** 2, 1)], ['INVALID_ARGUMENT']);
  for (const make of target.withPath) {
    for (const uri of places.outside) {
      const [method, request] = make(uri);
      add('a place outside', method, [bytesOf(method, request)], ['PERMISSION_DENIED', 'INVALID_ARGUMENT']);
    }
    for (const uri of places.inside) {
      const [method, request] = make(uri);
      const answers: Code[] = target.answers?.includes(method) === true ? ['OK'] : [];
      const ends: Code[] = target.opensNothing.includes(method)
        ? ['OK']
        : ['NOT_FOUND', 'FAILED_PRECONDITION', ...answers];
      add('a place inside', method, [bytesOf(method, request)], ['INVALID_ARGUMENT', 'PERMISSION_DENIED', ...ends]);
    }
  }
  const [checkedMethod, checked] = target.checked;
  for (let count = 0; count < 12; count++)
    addRequest(
      'hostile fields of a good spec',
      checkedMethod,
      () => ({ ...withHostileFields(checked, random), validateOnly: true }),
      [...REFUSALS, 'OK'],
    );
  const byName = Object.entries(target.refused).filter(([, request]) => 'name' in request);
  for (const [method, request] of byName) {
    for (let count = 0; count < 6; count++)
      add('a name', method, [bytesOf(method, { ...request, name: hostileText(random) })], ['NOT_FOUND']);
    for (const name of [`${finished}\0`, `${finished}/`, ` ${finished}`, finished.toUpperCase(), 'x'.repeat(3_000_000)])
      add('a name', method, [bytesOf(method, { ...request, name })], ['NOT_FOUND']);
  }
  const [, uid = ''] = finished.split('/');
  for (const text of [
    'p -1',
    'p 1e5',
    'p 0x10',
    'p',
    'p 99999999999999999999',
    'p 1 2',
    'r 1',
    `r ${uid} 1`,
    'q 1',
    'p 1.5',
    'p \u0661',
  ])
    add(
      'a page token',
      listMethod,
      [bytesOf(listMethod, { pageSize: 10, pageToken: token(text) })],
      ['INVALID_ARGUMENT'],
    );
  for (const text of [
    `r ${uid} -1`,
    `r ${uid} 1e9`,
    `r ${uid} 999999999999999`,
    `r ${uid}`,
    'r',
    'p 1',
    `r ${uid} 1 1`,
    `r x 1`,
  ])
    add(
      'a resume token',
      watchMethod,
      [bytesOf(watchMethod, { name: finished, resumeToken: token(text) })],
      ['INVALID_ARGUMENT'],
    );
  for (let count = 0; count < 8; count++) {
    add(
      'a token of any text',
      listMethod,
      [bytesOf(listMethod, { pageSize: 0, pageToken: `${hostileText(random)}!` })],
      ['INVALID_ARGUMENT'],
    );
    add(
      'a token of any text',
      watchMethod,
      [bytesOf(watchMethod, { name: finished, resumeToken: `${hostileText(random)}!` })],
      ['INVALID_ARGUMENT'],
    );
  }
  for (const metadata of hostileMetadata(random))
    add('metadata', listMethod, [bytesOf(listMethod, { pageSize: 1, pageToken: '' })], ['OK'], { metadata });
  for (const path of [
    '/',
    '//',
    '/a',
    '/a/b/c',
    `/${'x'.repeat(5000)}/y`,
    '/grpc.health.v1.Health/None',
    '/%00/x',
    '/pemmican/../x',
    target.methods[listMethod]?.path.toLowerCase() ?? '',
  ])
    add('a method that is not there', path, [Buffer.alloc(3)], ['UNIMPLEMENTED']);
  for (let count = 0; count < 10; count++) {
    add(
      'health',
      '/grpc.health.v1.Health/Check',
      [spoiled(Buffer.from('\x0a\x04none', 'latin1'), random)],
      ['OK', 'NOT_FOUND', 'INVALID_ARGUMENT'],
    );
    add(
      'reflection',
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      [spoiled(Buffer.from('\x22\x04none', 'latin1'), random)],
      ['OK', 'INVALID_ARGUMENT', 'NOT_FOUND'],
    );
  }
  return calls;
}

function hostileMetadata(random: Random): Metadata[] {
  const of = (entries: readonly (readonly [string, string | Buffer])[]): Metadata => {
    const metadata = new Metadata();
    for (const [key, value] of entries) metadata.add(key, value);
    return metadata;
  };
  return [
    of([['x-large', 'y'.repeat(12_000)]]),
    of(Array.from({ length: 100 }, (_, index) => [`x-many-${index}`, 'y'] as const)),
    of([['x-bytes-bin', random.bytes(3000)]]),
    of([['authorization', 'Bearer nobody']]),
    of([['traceparent', '00-zz-zz-zz']]),
    of([
      ['traceparent', '00-00000000000000000000000000000000-0000000000000000-ff'],
      ['tracestate', 'a='.repeat(400)],
    ]),
    of([['baggage', 'k=v,'.repeat(2000)]]),
    of([['grpc-status-details-bin', random.bytes(100)]]),
    of([['grpc-previous-rpc-attempts', '-1']]),
  ];
}
