import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { ErrorInfo, Status } from '@pemmican/contract/google';
import { readErrorsDocument, type ErrorLine } from './errors-document.ts';

/** One way to an error, through the public interface of a real service. */
export interface ErrorCase {
  /** Methods, or `Run.error` and the like: each is tried. */
  readonly where: readonly string[];
  readonly code: string;
  readonly reason: string;
  /** Part of the test's name where two ways lead to the same error. */
  readonly way?: string;
  /** Does it in that place, and gives what came of it. */
  readonly provoke: (where: string) => Promise<Status>;
}

/** The status of a call that has to be refused; one without details where gRPC itself refuses it. */
export async function statusOfRefusal(call: Promise<unknown>): Promise<Status> {
  const error: unknown = await call.then(
    () => assert.fail('The call was not refused'),
    (reason: unknown) => reason,
  );
  const { code, details, metadata } = error as Partial<ServiceError>;
  if (code === undefined || metadata === undefined) throw error;
  const [bytes] = metadata.get('grpc-status-details-bin');
  return bytes instanceof Uint8Array ? Status.decode(bytes) : { code, message: details ?? '', details: [] };
}

/** What of a status docs/errors.md has a line for: `CODE REASON`, and the details beside the ErrorInfo. */
export function toldBy(status: Status): { error: string; details: string[] } {
  const types = status.details.map(({ typeUrl }) => typeUrl.slice(typeUrl.lastIndexOf('.') + 1));
  const info = status.details.find(({ typeUrl }) => typeUrl.endsWith('/google.rpc.ErrorInfo'));
  const { reason, metadata } = info === undefined ? { reason: '-', metadata: {} } : ErrorInfo.decode(info.value);
  assert.ok(types.filter((type) => type === 'ErrorInfo').length <= 1, 'more than one ErrorInfo (AIP-193)');
  return {
    error: `${grpcStatus[status.code] ?? ''} ${reason}`,
    details: [...types.filter((type) => type !== 'ErrorInfo'), ...Object.keys(metadata)].sort(),
  };
}

/** A token of no page and no event: base64url of a text. */
const FOREIGN_TOKEN = 'bm90IGEgdG9rZW4';

/**
 * The ways to errors that every collection of jobs has.
 * @param methods names of Get, List, Watch and Cancel
 * @param finished name of a job that has ended, once the tests run
 */
export function jobErrorCases(
  methods: { readonly get: string; readonly list: string; readonly watch: string; readonly cancel: string },
  refused: (method: string, request: object) => Promise<Status>,
  finished: () => string,
): ErrorCase[] {
  const { get, list, watch, cancel } = methods;
  const invalid = { code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD' };
  return [
    {
      ...invalid,
      where: [list],
      way: 'a page token of another method',
      provoke: (where) => refused(where, { pageSize: 0, pageToken: FOREIGN_TOKEN }),
    },
    {
      ...invalid,
      where: [list],
      way: 'a negative page size',
      provoke: (where) => refused(where, { pageSize: -1, pageToken: '' }),
    },
    {
      ...invalid,
      where: [get, list],
      way: 'a mask with what is no field',
      provoke: (where) =>
        refused(where, { name: finished(), pageSize: 0, pageToken: '', readMask: ['state', 'spec.nothing'] }),
    },
    {
      ...invalid,
      where: [watch],
      provoke: (where) => refused(where, { name: finished(), resumeToken: FOREIGN_TOKEN }),
    },
    {
      where: [cancel],
      code: 'FAILED_PRECONDITION',
      reason: 'ALREADY_FINAL',
      provoke: (where) => refused(where, { name: finished() }),
    },
  ];
}

/** Registers a test for each way, and one that says which lines of a section no way leads to. */
export function testErrors(section: string, cases: readonly ErrorCase[]): void {
  const lines = readErrorsDocument().filter((line) => line.section === section);
  const provoked = new Set<string>();
  for (const { where: places, code, reason, way = '', provoke } of cases) {
    for (const where of places) {
      void test(`${where} tells ${code} ${reason}${way === '' ? '' : ` of ${way}`}, as docs/errors.md says`, async () => {
        const status = await provoke(where);
        const told = toldBy(status);
        assert.equal(told.error, `${code} ${reason}`, status.message);
        const line = lines.find((candidate) => isOf(candidate, where, code, reason));
        assert.ok(
          line !== undefined,
          `docs/errors.md has no ${code} ${reason} of ${where}; details ${told.details.join()}`,
        );
        const allowed = line.details.map((name) => name.replace('?', ''));
        const required = line.details.filter((name) => !name.endsWith('?'));
        assert.deepEqual(
          [...new Set([...told.details, ...required])].sort(),
          told.details,
          'details that must be there',
        );
        assert.deepEqual(
          [...new Set([...allowed, ...told.details])].sort(),
          allowed.sort(),
          'details that may be there',
        );
        provoked.add(keyOf(where, code, reason));
      });
    }
  }
  void test(`every line of docs/errors.md about ${section} is provoked`, () => {
    const left = lines
      .filter(({ test: named }) => named === undefined)
      .flatMap(({ where, code, reason }) => where.map((place) => keyOf(place, code, reason)));
    assert.deepEqual(
      left.filter((key) => !provoked.has(key)),
      [],
    );
    assert.ok(lines.length > 0);
  });
}

const keyOf = (where: string, code: string, reason: string): string => `${where} ${code} ${reason}`;

function isOf(line: ErrorLine, where: string, code: string, reason: string): boolean {
  return line.where.includes(where) && line.code === code && line.reason === reason;
}
