import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status as grpcStatus } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, ResourceInfo, RetryInfo, Status } from '@pemmican/contract/google';
import {
  ERROR_DOMAIN,
  FieldViolations,
  RpcError,
  createLogger,
  invalidArgument,
  notFound,
  toRpcError,
  toStatusObject,
} from './mod.ts';
import type { ErrorRule } from './mod.ts';

const silent = createLogger('test', 'silent');

/** A library's error, with the fields that the libraries' errors have. */
class LibraryError extends Error {
  override readonly name = 'LibraryError';
  readonly code: string;
  readonly path: string;
  constructor(code: string, path: string) {
    super(`${path}: is wrong`);
    this.code = code;
    this.path = path;
  }
}
const RULES: readonly ErrorRule[] = [
  {
    name: 'LibraryError',
    codes: {
      NotThere: grpcStatus.NOT_FOUND,
      'too-large': grpcStatus.RESOURCE_EXHAUSTED,
      '*': grpcStatus.INVALID_ARGUMENT,
    },
  },
];

test('toRpcError tells a known error by its code, in upper snake case, with the file at fault', () => {
  const told = (code: string): [number, string] => {
    const error = toRpcError(new LibraryError(code, 'model.safetensors'), RULES, silent);
    assert.equal(error.message, 'model.safetensors: is wrong');
    assert.deepEqual(error.options.metadata, { file: 'model.safetensors' });
    return [error.code, error.reason];
  };
  assert.deepEqual(told('NotThere'), [grpcStatus.NOT_FOUND, 'NOT_THERE']);
  assert.deepEqual(told('too-large'), [grpcStatus.RESOURCE_EXHAUSTED, 'TOO_LARGE']);
  assert.deepEqual(told('ANYTHING_ELSE'), [grpcStatus.INVALID_ARGUMENT, 'ANYTHING_ELSE']);
});

test('toRpcError tells when to try again, where an error says so', () => {
  const error = Object.assign(new LibraryError('NotThere', 'x'), { retryDelayMs: 1500 });
  const types = toRpcError(error, RULES, silent).toStatus().details;
  const retry = types.find(({ typeUrl }) => typeUrl.endsWith('/google.rpc.RetryInfo'));
  assert.deepEqual(RetryInfo.decode(retry?.value ?? Buffer.alloc(0)).retryDelay, { seconds: 1, nanos: 500_000_000 });
  assert.equal(toRpcError(new LibraryError('NotThere', 'x'), RULES, silent).toStatus().details.length, 1);
});

test('toRpcError leaves an RpcError as it is and takes an abort for a cancellation', () => {
  const own = notFound('runs', 'runs/1');
  assert.equal(toRpcError(own, RULES, silent), own);
  const aborted = toRpcError(new DOMException('This operation was aborted', 'AbortError'), RULES, silent);
  assert.deepEqual([aborted.code, aborted.reason], [grpcStatus.CANCELLED, 'CANCELLED']);
});

test('toRpcError hides what it does not know, be it an error or not, behind an incident that the log has', () => {
  for (const thrown of [new Error('password 123'), 'password 123', undefined]) {
    const lines: string[] = [];
    const logger = createLogger('test', 'error', (line) => void lines.push(line));
    const told = toRpcError(thrown, RULES, logger);
    assert.equal(told.code, grpcStatus.INTERNAL);
    assert.doesNotMatch(JSON.stringify(told.toStatus()), /password/);
    const logged = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    assert.equal(logged['incident'], told.options.metadata?.['incident']);
    assert.match(String(logged['error']), thrown === undefined ? /undefined/ : /password 123/);
  }
});

test('RpcError.toStatus has one ErrorInfo and the details that were given', () => {
  const error = new RpcError({
    code: grpcStatus.RESOURCE_EXHAUSTED,
    reason: 'QUEUE_FULL',
    message: '3 runs wait',
    metadata: { queue: 'runs' },
    fieldViolations: [{ field: 'spec.options.seed', description: 'is -1' }],
    resource: { type: 'runs', name: 'runs/1' },
    retryDelayMs: 2500,
  });
  const { code, message, details } = error.toStatus();
  assert.deepEqual([code, message], [8, '3 runs wait']);
  const detail = (type: string): Uint8Array => {
    const found = details.filter(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${type}`);
    assert.equal(found.length, 1, type);
    return found[0]!.value;
  };
  assert.deepEqual(ErrorInfo.decode(detail('ErrorInfo')), {
    reason: 'QUEUE_FULL',
    domain: ERROR_DOMAIN,
    metadata: { queue: 'runs' },
  });
  const { fieldViolations } = BadRequest.decode(detail('BadRequest'));
  assert.deepEqual([fieldViolations[0]?.field, fieldViolations[0]?.description], ['spec.options.seed', 'is -1']);
  assert.deepEqual(RetryInfo.decode(detail('RetryInfo')).retryDelay, { seconds: 2, nanos: 500_000_000 });
  const { resourceType, resourceName } = ResourceInfo.decode(detail('ResourceInfo'));
  assert.deepEqual([resourceType, resourceName], ['runs', 'runs/1']);
  assert.equal(new RpcError({ code: 2, reason: 'X', message: 'x' }).toStatus().details.length, 1);
});

test('toStatusObject sends the whole status in the trailers, with a text that a proxy lets through', () => {
  const { code, details, metadata } = toStatusObject(
    new RpcError({ code: 3, reason: 'LONG', message: 'x'.repeat(100_000) }),
  );
  assert.equal(code, 3);
  assert.equal(details.length, 2003);
  const [bytes] = metadata.get('grpc-status-details-bin');
  assert.equal(Status.decode(bytes as Buffer).message, details);
  assert.ok((bytes as Buffer).length < 8000, 'trailers of more than 8 kB are refused by many proxies');
});

test('FieldViolations tells everything that is wrong at once, and nothing where all is right', () => {
  const violations = new FieldViolations();
  violations.check(true, 'a', 'must be set');
  violations.throwIfAny();
  violations.check(false, 'b', 'is 2, must be 1');
  violations.add('c.d', 'is there twice');
  assert.throws(
    () => violations.throwIfAny(),
    (error) => {
      assert.ok(error instanceof RpcError);
      assert.equal(error.code, grpcStatus.INVALID_ARGUMENT);
      assert.equal(error.message, 'b: is 2, must be 1; c.d: is there twice');
      assert.equal(error.options.fieldViolations?.length, 2);
      return true;
    },
  );
  assert.equal(invalidArgument([{ field: 'x', description: 'y' }]).reason, 'INVALID_FIELD');
});
