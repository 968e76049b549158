import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

import type { Report } from '../src/report/report.ts';
import { Status } from '@pemmican/contract/google';

import { Interrupt } from '../src/interrupt.ts';
import { runCli, TemporaryFolder } from './run-cli.ts';
import {
  KEPT_TOKEN_IDS,
  ScriptedServices,
  finishRun,
  richError,
  scriptedEnd,
  scriptedStep,
  weightsFile,
} from './scripted-services.ts';

/** A model and a data file that exist; the scripted services never read them. */
function prepareInputs(folder: TemporaryFolder): string[] {
  mkdirSync(folder.join('model'));
  writeFileSync(folder.join('model', 'config.json'), '{"vocab_size":1000}');
  writeFileSync(folder.join('train.jsonl'), '{"text":"a","label":0}\n');
  return ['--model', folder.join('model'), '--train-file', folder.join('train.jsonl'), '--output', folder.join('out')];
}

test('run makes a whole output folder: model, metrics, vocabulary, report, and nothing of the work in progress', async () => {
  using folder = new TemporaryFolder();
  const services = await ScriptedServices.start();
  try {
    const result = await runCli(['run', ...prepareInputs(folder), '--server', services.address]);
    assert.equal(result.exitCode, 0, result.stderr);
    assert.deepEqual(readdirSync(folder.join('out')).sort(), [
      'config.json',
      'metrics.jsonl',
      'model.safetensors',
      'report.html',
      'report.json',
      'tokenizer.json',
      'vocabulary.json',
    ]);
    assert.deepEqual(readFileSync(folder.join('out', 'model.safetensors')), weightsFile('restore'));
    assert.equal(readFileSync(folder.join('out', 'metrics.jsonl'), 'utf8'), '{"step":1}\n{"step":2}\n');
    const report = JSON.parse(readFileSync(folder.join('out', 'report.json'), 'utf8')) as Report;
    assert.deepEqual(report.vocabulary?.keptTokenIds, KEPT_TOKEN_IDS);
    assert.equal(report.evaluation.before?.accuracy, 0.5);
    assert.equal(report.verification?.maxAbsoluteDifference, 0);
    assert.deepEqual(
      report.timings.map((timing) => timing.stage),
      ['analyze', 'estimate', 'reduce', 'train', 'restore', 'verify'],
    );
    assert.match(result.stdout, /Saved: 750 B of 1\.00 kB training memory \(75 %\), embedding rows 1,000 → 8/);
    assert.match(
      result.stdout,
      /Accuracy: 0\.8100 \(before 0\.5000\) on 10 validation records; restored model verified/,
    );
    assert.deepEqual(services.calls, [
      'createAnalysis',
      'watchAnalysis',
      'downloadProfile',
      'estimateMemory',
      'reduce',
      'createRun',
      'watchRun',
      'restore',
      'predict',
      'predict',
    ]);
  } finally {
    services.stop();
  }
});

test('run --json prints exactly one JSON document on stdout, also when it fails', async () => {
  using folder = new TemporaryFolder();
  const services = await ScriptedServices.start();
  try {
    const inputs = prepareInputs(folder);
    const done = await runCli(['run', ...inputs, '--server', services.address, '--json']);
    assert.equal(done.exitCode, 0, done.stderr);
    assert.equal((JSON.parse(done.stdout) as Report).mode, 'reduced');
    const refused = await runCli(['run', ...inputs, '--server', services.address, '--json']);
    assert.equal(refused.exitCode, 2);
    assert.equal((JSON.parse(refused.stdout) as { error: { reason: string } }).error.reason, 'OUTPUT_EXISTS');
  } finally {
    services.stop();
  }
});

test('run --no-reduce trains the full checkpoint and moves it into the output', async () => {
  using folder = new TemporaryFolder();
  let modelUri = '';
  const services = await ScriptedServices.start({
    createRun: (request) => {
      modelUri = request.spec?.modelUri ?? '';
    },
  });
  try {
    const result = await runCli(['run', ...prepareInputs(folder), '--server', services.address, '--no-reduce']);
    assert.equal(result.exitCode, 0, result.stderr);
    assert.equal(modelUri, folder.join('model'));
    assert.deepEqual(readFileSync(folder.join('out', 'model.safetensors')), weightsFile('trained'));
    assert.ok(!services.calls.includes('reduce') && !services.calls.includes('restore'));
  } finally {
    services.stop();
  }
});

test('run asks the trainer for its devices before anything is counted', async () => {
  using folder = new TemporaryFolder();
  const services = await ScriptedServices.start({
    createRun: ({ validateOnly }) => {
      assert.equal(validateOnly, true);
      throw Object.assign(new Error(), richError(9, 'DEVICES_MISSING', 'num_devices is 2: the CPU is one'));
    },
  });
  try {
    const argv = ['run', ...prepareInputs(folder), '--server', services.address, '--num-devices', '2'];
    const result = await runCli(argv);
    assert.equal(result.exitCode, 3, result.stderr);
    assert.match(result.stderr, /num_devices is 2: the CPU is one/);
    assert.deepEqual(services.calls, ['createRun']);
    assert.ok(!existsSync(folder.join('out', '.pemmican')));
  } finally {
    services.stop();
  }
});

test('run cancels the run at Ctrl-C, says how to go on, and goes on without repeating what is whole', async () => {
  using folder = new TemporaryFolder();
  const interrupt = new Interrupt(() => undefined);
  let endRun: () => void = () => undefined;
  let isFirst = true;
  const resumePoints: string[] = [];
  const services = await ScriptedServices.start({
    createRun: (request) => {
      resumePoints.push(request.spec?.resumeFromCheckpoint ?? '');
    },
    watchRun: (call, spec) => {
      call.write(scriptedStep(1));
      if (isFirst) {
        isFirst = false;
        endRun = () => {
          call.write(scriptedEnd(2, 5));
          call.end();
        };
        setTimeout(() => {
          interrupt.trigger();
        }, 20);
        return;
      }
      finishRun(spec.outputUri);
      call.write(scriptedStep(2));
      call.write(scriptedEnd(3, 3));
      call.end();
    },
    cancelRun: () => {
      endRun();
    },
  });
  try {
    const argv = ['run', ...prepareInputs(folder), '--server', services.address];
    const interrupted = await runCli(argv, interrupt);
    assert.equal(interrupted.exitCode, 130, interrupted.stderr);
    assert.ok(services.calls.includes('cancelRun'));
    const command = /pemmican (run .*--resume-from-checkpoint latest)/.exec(interrupted.stderr)?.[1];
    assert.ok(command !== undefined, interrupted.stderr);
    assert.ok(!existsSync(folder.join('out', 'model.safetensors')));
    const again = await runCli(argv);
    assert.equal(again.exitCode, 2, 'the same command without --resume-from-checkpoint must not throw work away');
    const callsBefore = services.calls.length;
    const resumed = await runCli(command.split(' '));
    assert.equal(resumed.exitCode, 0, resumed.stderr);
    assert.deepEqual(services.calls.slice(callsBefore), ['createRun', 'watchRun', 'restore', 'predict', 'predict']);
    assert.deepEqual(resumePoints, ['', 'latest']);
    const finished = await runCli(command.split(' '));
    assert.equal(finished.exitCode, 0, 'a run that is finished already is no failure');
  } finally {
    services.stop();
  }
});

test('run refuses a restored model that predicts something else, and leaves no model', async () => {
  using folder = new TemporaryFolder();
  const services = await ScriptedServices.start({
    predict: (request) => (request.modelUri.endsWith('restored') ? [[0.5, 1.6]] : [[0.5, 1.5]]),
  });
  try {
    const result = await runCli(['run', ...prepareInputs(folder), '--server', services.address]);
    assert.equal(result.exitCode, 1);
    assert.match(result.stderr, /logits differ by up to 0\.1/);
    assert.ok(!existsSync(folder.join('out', 'model.safetensors')));
  } finally {
    services.stop();
  }
});

test('run ends with the exit code of what its service refuses', async () => {
  using folder = new TemporaryFolder();
  const inputs = prepareInputs(folder);
  for (const [code, reason, exitCode] of [
    [3, 'INVALID_FIELD', 2],
    [5, 'NOT_FOUND', 2],
    [9, 'TOKENIZER_MISMATCH', 3],
    [13, 'INTERNAL', 1],
  ] as const) {
    const services = await ScriptedServices.start({
      createAnalysis: () => {
        throw richError(code, reason, 'It does not fit') as unknown as Error;
      },
    });
    try {
      const result = await runCli(['run', ...inputs, '--overwrite', '--server', services.address, '--json']);
      assert.equal(result.exitCode, exitCode, reason);
      assert.equal((JSON.parse(result.stdout) as { error: { reason: string } }).error.reason, reason);
      assert.match(result.stderr, /It does not fit/);
    } finally {
      services.stop();
    }
  }
});

test('a run that fails tells the error of the run and its exit code', async () => {
  using folder = new TemporaryFolder();
  const failure = richError(11, 'NON_FINITE_LOSS', 'The loss of step 2 is NaN');
  const services = await ScriptedServices.start({
    watchRun: (call) => {
      const status = Status.decode(failure.metadata.get('grpc-status-details-bin')[0] as Buffer);
      call.write(scriptedStep(1));
      call.write(scriptedEnd(2, 4, status));
      call.end();
    },
  });
  try {
    const result = await runCli(['run', ...prepareInputs(folder), '--server', services.address]);
    assert.equal(result.exitCode, 1);
    assert.match(result.stderr, /The loss of step 2 is NaN/);
  } finally {
    services.stop();
  }
});

test('a watch that breaks off is attached again with the last resume token', async () => {
  using folder = new TemporaryFolder();
  const tokens: string[] = [];
  const services = await ScriptedServices.start({
    watchRun: (call, spec) => {
      tokens.push(call.request.resumeToken);
      if (tokens.length === 1) {
        call.write(scriptedStep(1));
        setTimeout(() => call.emit('error', { code: 14, details: 'gone' }), 20);
        return;
      }
      finishRun(spec.outputUri);
      call.write(scriptedStep(2));
      call.write(scriptedEnd(3, 3));
      call.end();
    },
  });
  try {
    const result = await runCli(['run', ...prepareInputs(folder), '--server', services.address]);
    assert.equal(result.exitCode, 0, result.stderr);
    assert.deepEqual(tokens, ['', '1']);
  } finally {
    services.stop();
  }
});
