import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { readDescriptorSet } from '@pemmican/contract/descriptor-set';
import { readErrorsDocument } from '@pemmican/testkit';

const REPOSITORY = path.resolve(import.meta.dirname, '../../..');

/** Reasons in the code that no client is ever told, and why not. */
const NEVER_TOLD: Readonly<Record<string, string>> = {
  // Of libraries' own interfaces, which the services use as they are meant to be.
  CLOSED: 'a folder is written to after its end',
  IO: 'the disk breaks',
  INVALID_URI: 'told as INVALID_FIELD',
  UNSUPPORTED_SCHEME: 'told as INVALID_FIELD',
  TENSOR_NOT_FOUND: 'a tensor is asked for by a name that was not looked up',
  WRONG_LENGTH: 'a tensor is written with other bytes than it has',
  INVALID_TOKEN_IDS: 'token ids were not sorted',
  RENDERING_FAILED: 'told as INVALID_TEXT with the row',
  DTYPE_MISMATCH: 'a graph is built wrongly',
  NOT_DIFFERENTIABLE: 'a graph is built wrongly',
  UNBOUND_SYMBOL: 'a graph is built wrongly',
  INVALID_GRAPH: 'a graph is built wrongly',
  INVALID_ARGUMENT: 'a step is fed wrongly',
  NON_FINITE: 'told as NON_FINITE_LOSS',
  INVALID_TENSOR_VIEW: 'a checkpoint is written wrongly',
  PREDICTION_FAILED: "carries the process's own status",
  LOCKED: 'the service does not start',
  FULL: 'nothing throws it',
  INVALID_PAGE_TOKEN: 'told as INVALID_FIELD',
  INVALID_RESUME_TOKEN: 'told as INVALID_FIELD',
  DATASET_MISSING: 'a spec without a data set was refused as INVALID_FIELD',
  NO_CHECKPOINT: 'nothing throws it',
  NO_HEAD: 'nothing throws it',
};

const upperSnake = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();

/** Every reason that the code names: codes of the libraries' errors, and reasons of the services' own. */
function reasonsInCode(): Map<string, string> {
  const found = new Map<string, string>();
  const files = globSync(['libs/*/src/**/*.ts', 'services/*/src/**/*.ts'], { cwd: REPOSITORY });
  for (const file of files.filter((name) => !name.endsWith('.test.ts') && !name.includes('/gen/'))) {
    const text = readFileSync(path.join(REPOSITORY, file), 'utf8');
    const patterns = [
      /\breason: '([A-Z0-9_]+)'/g,
      /(?:PreconditionError|#precondition|mismatch)\(\s*'([A-Z0-9_]+)'/g,
      ...(/\/src\/error\.ts$/.test(file)
        ? [/^ +(?:\| )?'([A-Za-z0-9_]+)'(?= \||;|$)/gm, /(?<=\| )'([A-Za-z0-9_]+)'/g]
        : []),
    ];
    for (const pattern of patterns)
      for (const [, name = ''] of text.matchAll(pattern)) found.set(upperSnake(name), file);
  }
  return found;
}

test('docs/errors.md has every reason that the code can tell a client', () => {
  const told = new Set(readErrorsDocument().map(({ reason }) => reason));
  const inCode = reasonsInCode();
  assert.ok(inCode.size > 100, `${inCode.size} reasons were found`);
  const missing = [...inCode].filter(([reason]) => !told.has(reason) && NEVER_TOLD[reason] === undefined);
  assert.deepEqual(missing, []);
  const gone = [...told].filter((reason) => reason !== '-' && !inCode.has(reason));
  assert.deepEqual(gone, [], 'reasons that the code no longer has');
});

test('docs/errors.md has a line of every method, and names none that there is not', () => {
  const lines = readErrorsDocument();
  const descriptors = Buffer.from(readDescriptorSet()).toString('latin1');
  for (const section of new Set(lines.map((line) => line.section))) {
    if (section === 'Every call') continue;
    const service = section.slice(section.lastIndexOf('.') + 1);
    const proto = globSync('proto/pemmican/**/*_service.proto', { cwd: REPOSITORY })
      .map((file) => readFileSync(path.join(REPOSITORY, file), 'utf8'))
      .find((text) => text.includes(`service ${service} {`));
    assert.ok(proto !== undefined && descriptors.includes(service), section);
    const methods = [...proto.matchAll(/^ {2}rpc (\w+)\(/gm)].map(([, name]) => name);
    const places = new Set(lines.filter((line) => line.section === section).flatMap(({ where }) => where));
    assert.deepEqual([...places].filter((place) => !place.endsWith('.error')).sort(), methods.sort());
  }
});

/** What the comment of each method says: code and the reasons that it names, by `service method`. */
function errorsInComments(): Map<string, { readonly code: string; readonly reasons: readonly string[] }[]> {
  const found = new Map<string, { readonly code: string; readonly reasons: readonly string[] }[]>();
  for (const file of globSync('proto/pemmican/**/*_service.proto', { cwd: REPOSITORY })) {
    const text = readFileSync(path.join(REPOSITORY, file), 'utf8');
    const service = `${/^package ([\w.]+);/m.exec(text)?.[1]}.${/^service (\w+) \{/m.exec(text)?.[1]}`;
    for (const [, comment = '', method = ''] of text.matchAll(/((?:^ {2}\/\/.*\n)+) {2}rpc (\w+)\(/gm)) {
      // An error is a line that begins with its code, and the lines after it that are indented.
      const errors = comment.matchAll(/^ {2}\/\/ - ([A-Z_]+): (.*\n(?: {2}\/\/ {3}.*\n)*)/gm);
      found.set(
        `${service} ${method}`,
        [...errors].map(([, code = '', cause = '']) => ({
          code,
          reasons: [...cause.matchAll(/\b[A-Z]+_[A-Z_]+\b/g)].map(([reason]) => reason),
        })),
      );
    }
  }
  return found;
}

test('the comment of every method has the codes that docs/errors.md has, and names no reason that it lacks', () => {
  const lines = readErrorsDocument();
  const comments = errorsInComments();
  assert.ok(comments.size >= 31, `${comments.size} methods were found`);
  for (const [place, errors] of comments) {
    const [service = '', method = ''] = place.split(' ');
    const told = lines.filter(({ section, where }) => section === service && where.includes(method));
    assert.deepEqual(
      [...new Set(errors.map(({ code }) => code))].sort(),
      [...new Set(told.map(({ code }) => code))].sort(),
      `codes of ${place}`,
    );
    for (const { code, reasons } of errors)
      for (const reason of reasons)
        assert.ok(
          told.some((line) => line.code === code && line.reason === reason),
          `${place}: the comment says ${code} ${reason}, docs/errors.md does not`,
        );
  }
});
