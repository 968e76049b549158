import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import path from 'node:path';
import { BadRequest, ErrorInfo } from '@pemmican/contract/google';
import { WatchRunResponse } from '@pemmican/contract/trainer';
import { TrainerServer } from '../src/trainer-server.ts';

const TIMEOUT = { timeout: 120_000 };
const TRAINER = 'pemmican.trainer.v1.TrainerService';
// What buf makes of gRPC's codes: 8 times the code.
const INVALID_ARGUMENT_STATUS = 24;

let server: TrainerServer;
before(async () => {
  server = await TrainerServer.start(false);
});
after(() => server.stop());

/** Calls the server with nothing but what its reflection tells. */
function bufCurl(method: string, ...parameters: readonly string[]): Promise<{ status: number; output: string }> {
  const address = `http://localhost:${server.port}/${method}`;
  return new Promise((resolve) => {
    execFile(
      'buf',
      ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...parameters, address],
      (error, stdout, stderr) => {
        resolve({ status: Number(error?.code ?? 0), output: stdout + stderr });
      },
    );
  });
}

const spec = (options: object): object => ({
  model_uri: path.join(server.folder, 'model'),
  output_uri: path.join(server.folder, 'output'),
  dataset: { files: [{ split: 'SPLIT_TRAIN', uri: path.join(server.folder, 'train.jsonl') }] },
  options,
});

test('buf curl finds the services by both versions of reflection, and their health', TIMEOUT, async () => {
  for (const protocol of ['grpc-v1', 'grpc-v1alpha']) {
    const { status, output } = await bufCurl('', '--reflect-protocol', protocol, '--list-services');
    assert.equal(status, 0, output);
    assert.ok(output.split('\n').includes(TRAINER), output);
  }
  const health = await bufCurl('grpc.health.v1.Health/Check', '-d', JSON.stringify({ service: TRAINER }));
  assert.deepEqual(JSON.parse(health.output), { status: 'SERVING' });
});

test('buf curl creates a run and watches all of its events', TIMEOUT, async () => {
  const created = await bufCurl(`${TRAINER}/CreateRun`, '-d', JSON.stringify({ spec: spec({ max_steps: 2 }) }));
  assert.equal(created.status, 0, created.output);
  const { name } = (JSON.parse(created.output) as { run: { name: string } }).run;
  const watched = await bufCurl(`${TRAINER}/WatchRun`, '-d', JSON.stringify({ name }));
  assert.equal(watched.status, 0, watched.output);
  // One indented object after another.
  const events = watched.output.trimEnd().split(/(?<=^\})\n/m);
  assert.deepEqual(
    events.map((text) => WatchRunResponse.fromJSON(JSON.parse(text))),
    await server.events(name),
  );
});

test('buf curl is refused with a code and details', TIMEOUT, async () => {
  const wrong = { spec: spec({ learning_rate: -1 }), validate_only: true };
  const { status, output } = await bufCurl(`${TRAINER}/CreateRun`, '-d', JSON.stringify(wrong));
  assert.equal(status, INVALID_ARGUMENT_STATUS, output);
  const { code, details } = JSON.parse(output) as { code: string; details: { type: string; value: string }[] };
  assert.equal(code, 'invalid_argument');
  assert.deepEqual(
    details.map(({ type }) => type),
    ['google.rpc.ErrorInfo', 'google.rpc.BadRequest'],
  );
  const [info, badRequest] = details.map(({ value }) => Buffer.from(value, 'base64'));
  assert.equal(ErrorInfo.decode(info!).reason, 'INVALID_FIELD');
  assert.deepEqual(
    BadRequest.decode(badRequest!).fieldViolations.map(({ field }) => field),
    ['spec.options.learning_rate'],
  );
});
