import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ErrorInfo } from '@pemmican/contract/google';

import { CliError, usageError } from './cli-error.ts';
import { toExitCode } from './exit-code.ts';
import { RpcFailure } from './rpc-failure.ts';

function failure(code: number, reason = ''): RpcFailure {
  const details =
    reason === ''
      ? []
      : [
          {
            typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo',
            value: Buffer.from(ErrorInfo.encode({ reason, domain: 'pemmican', metadata: {} }).finish()),
          },
        ];
  return new RpcFailure({ code, message: 'x', details }, { service: 'trainer' });
}

test('toExitCode maps every gRPC status', () => {
  const expected = [0, 1, 1, 2, 4, 2, 2, 2, 1, 3, 1, 2, 1, 1, 4, 2, 1];
  assert.deepEqual(
    expected.map((_, code) => toExitCode(failure(code))),
    expected,
  );
});

test('toExitCode lets some reasons decide in place of the status', () => {
  assert.equal(toExitCode(failure(9, 'DESTINATION_EXISTS')), 2);
  assert.equal(toExitCode(failure(9, 'TOKEN_ID_MAP_MISMATCH')), 3);
  assert.equal(toExitCode(failure(11, 'NON_FINITE_LOSS')), 1);
});

test("toExitCode takes the command's own errors as they are, and 1 for anything else", () => {
  assert.equal(toExitCode(usageError('x')), 2);
  assert.equal(toExitCode(new CliError(130, 'x')), 130);
  assert.equal(toExitCode(new TypeError('x')), 1);
  assert.equal(toExitCode('x'), 1);
});
