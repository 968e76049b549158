import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { Metric, Task, type CreateRunRequest } from '@pemmican/contract/trainer';
import { RecordKind } from '@pemmican/contract/vocabulary';

import { TemporaryFolder, runCli } from './run-cli.ts';
import { ScriptedServices, finishRun, richError, scriptedProfile } from './scripted-services.ts';

const LAUNCHER = path.resolve(import.meta.dirname, '../bin/pemmican.mjs');
const VERBS = ['analyze', 'estimate', 'reduce', 'train', 'restore', 'run', 'predict', 'upload', 'download', 'serve', 'demo', 'doctor']; // prettier-ignore

test('every verb has help with examples', async () => {
  for (const verb of VERBS) {
    const result = await runCli([verb, '--help']);
    assert.equal(result.exitCode, 0, verb);
    assert.match(result.stdout, new RegExp(`Examples:\\n {2}\\$ pemmican ${verb}`), verb);
  }
});

test('train has the options of the contract with their defaults', async () => {
  const { stdout } = await runCli(['train', '--help']);
  const help = stdout.replace(/\s+/g, ' ');
  const defaults: Record<string, string> = {
    '--text-column': '"text"; "tokens" for words',
    '--label-column': '"label"; "ner_tags" for words',
    '--max-seq-length': '128; 384 in question-answering',
    '--doc-stride': '128',
    '--task': '"sequence-classification"',
    '--num-train-epochs': '3',
    '--per-device-train-batch-size': '16',
    '--gradient-accumulation-steps': '1',
    '--num-devices': '1',
    '--learning-rate': '0.00005',
    '--weight-decay': '0',
    '--adam-beta1': '0.9',
    '--adam-beta2': '0.999',
    '--adam-epsilon': '1e-8',
    '--max-grad-norm': '1',
    '--lr-scheduler-type': '"linear"',
    '--warmup-ratio': '0',
    '--warmup-steps': '0',
    '--seed': '42',
    '--dropout': '"auto"',
  };
  for (const [name, value] of Object.entries(defaults)) {
    const entry = help.slice(help.indexOf(` ${name} <`));
    assert.equal(/\(default: ([^)]*)\)/.exec(entry)?.[1], value, name);
  }
  for (const name of [
    '--text-pair-column',
    '--max-steps',
    '--scheduler-total-steps',
    '--no-shuffle',
    '--gradient-checkpointing',
    '--freeze-embeddings',
    '--freeze',
    '--bf16',
    '--eval-steps',
    '--save-steps',
    '--load-best-model-at-end',
    '--metric-for-best-model',
    '--resume-from-checkpoint',
    '--validation-file',
    '--test-file',
  ]) {
    assert.ok(help.includes(` ${name} `), name);
  }
});

test('bad usage ends with exit code 2 and names what is wrong', async () => {
  const cases: [string[], RegExp][] = [
    [['nonsense'], /unknown command 'nonsense'/],
    [['analyze', '--modle', 'x'], /unknown option '--modle'.*\(Did you mean --model\?\)/s],
    [['analyze', '--model', 'x'], /'--train-file <file>' not specified/],
    [['analyze', '--model'], /argument missing/],
    [['train', '--learning-rate', 'NaN'], /finite number/],
    [['train', '--learning-rate', '-1'], /of at least 0/],
    [['train', '--num-train-epochs', '0'], /above 0/],
    [['train', '--seed', '1.5'], /whole number/],
    [['train', '--label-names', 'O,B-X,O'], /It has "O" twice/],
    [['train', '--label-names', 'O,,B-X'], /names with commas between them/],
    [['train', '--dropout', '1'], /from 0 up to, not including, 1/],
    [['train', '--lr-scheduler-type', 'square'], /one of linear, cosine/],
    [['estimate', '--memory', 'much'], /a size such as 8GiB/],
    [['predict', '--model', 'x', '--file', 'y', 'z'], /too many arguments/],
    [['serve', 'everything'], /Allowed choices/],
  ];
  for (const [argv, message] of cases) {
    const result = await runCli(argv);
    assert.equal(result.exitCode, 2, argv.join(' '));
    assert.match(result.stderr, message);
    assert.equal(result.stdout, '');
  }
});

test('bad usage with --json still prints one JSON document', async () => {
  const result = await runCli(['train', '--seed', 'x', '--json']);
  assert.equal(result.exitCode, 2);
  assert.equal((JSON.parse(result.stdout) as { error: { exitCode: number } }).error.exitCode, 2);
});

test('a server that does not answer ends with exit code 4 within seconds', async () => {
  const start = performance.now();
  const result = await runCli(['predict', '--model', 'x', '--file', 'y', '--server', '127.0.0.1:1', '--json']);
  assert.equal(result.exitCode, 4);
  assert.ok(performance.now() - start < 6000);
  assert.match(result.stderr, /trainer cannot be reached at 127\.0\.0\.1:1/);
  assert.equal((JSON.parse(result.stdout) as { error: { reason: string } }).error.reason, 'SERVICE_UNREACHABLE');
});

/** What `train` asks of a trainer that finishes at once. */
async function requestOfTrain(...more: string[]): Promise<CreateRunRequest | undefined> {
  using folder = new TemporaryFolder();
  let request: CreateRunRequest | undefined;
  const services = await ScriptedServices.start({
    createRun: (received) => {
      request = received;
      finishRun(folder.join('out'));
    },
  });
  try {
    const argv = ['train', '--model', '/m', '--train-file', '/t.jsonl', '--output', folder.join('out')];
    const result = await runCli([...argv, '--server', services.address, ...more]);
    assert.equal(result.exitCode, 0, result.stderr);
    return request;
  } finally {
    services.stop();
  }
}

test('train passes on every hyper-parameter', async () => {
  const request = await requestOfTrain(
    ...['--max-steps', '7', '--dropout', '0', '--no-shuffle', '--lr-scheduler-type', 'constant_with_warmup'],
    ...['--metric-for-best-model', 'eval_f1', '--memory-budget', '1GiB', '--task', 'regression', '--skip-invalid'],
    ...['--num-devices', '2'],
  );
  const { options, memoryBudgetBytes, dataset } = request?.spec ?? {};
  assert.equal(options?.maxSteps, 7);
  assert.equal(options.dropout, 0);
  assert.equal(options.noShuffle, true);
  assert.equal(options.lrSchedulerType, 4);
  assert.equal(options.metricForBestModel, 3);
  assert.equal(options.task, 2);
  assert.equal(options.numDevices, 2);
  assert.equal(memoryBudgetBytes, 2 ** 30);
  assert.equal(dataset?.skipInvalid, true);
});

test('train asks for a batch size that fits --memory only where one is to be found', async () => {
  const found = await requestOfTrain('--auto-find-batch-size', '--memory', '2GiB');
  assert.equal(found?.spec?.options?.autoFindBatchSize, true);
  assert.equal(found.spec.options.autoFindMemoryBytes, 2 * 2 ** 30);
  const given = await requestOfTrain();
  assert.equal(given?.spec?.options?.autoFindBatchSize, false);
  const refused = await runCli(['train', '--model', '/m', '--train-file', '/t', '--output', '/o', '--memory', '2GiB']);
  assert.equal(refused.exitCode, 2);
  assert.match(refused.stderr, /--memory is what a batch size is found for; add --auto-find-batch-size/);
});

test('analyze writes the profile whole and prints the table', async () => {
  using folder = new TemporaryFolder();
  const services = await ScriptedServices.start();
  try {
    const file = folder.join('deep', 'vocabulary.json');
    const result = await runCli([
      'analyze',
      '--model',
      'hf:a/b',
      '--train-file',
      'x.jsonl',
      '--output',
      file,
      '--server',
      services.address,
    ]);
    assert.equal(result.exitCode, 0, result.stderr);
    assert.deepEqual(readFileSync(file), scriptedProfile());
    assert.match(result.stdout, /embedding rows +1,000 +8 +0\.8 %/);
  } finally {
    services.stop();
  }
});

test('predict --json prints logits in file order and the names of the labels', async () => {
  const services = await ScriptedServices.start();
  try {
    const result = await runCli(['predict', '--model', '/m', '--file', '/f', '--server', services.address, '--json']);
    assert.deepEqual(JSON.parse(result.stdout), {
      logits: [
        [0.5, 1.5],
        [2, -1],
      ],
      labelNames: ['no', 'yes'],
    });
    const lines = await runCli(['predict', '--model', '/m', '--file', '/f', '--server', services.address]);
    assert.equal((JSON.parse(lines.stdout.split('\n')[0] ?? '') as { label: string }).label, 'yes');
  } finally {
    services.stop();
  }
});

test('--server on the command line outdoes addresses of single services in the environment', async () => {
  const services = await ScriptedServices.start();
  process.env['PEMMICAN_TRAINER_SERVER'] = '127.0.0.1:1';
  try {
    const argv = ['predict', '--model', '/m', '--file', '/f'];
    const result = await runCli([...argv, '--server', services.address]);
    assert.equal(result.exitCode, 0, result.stderr);
    process.env['PEMMICAN_TRAINER_SERVER'] = services.address;
    process.env['PEMMICAN_SERVER'] = '127.0.0.1:1';
    assert.equal((await runCli(argv)).exitCode, 0, 'of the environment the address of the one service counts');
  } finally {
    delete process.env['PEMMICAN_TRAINER_SERVER'];
    delete process.env['PEMMICAN_SERVER'];
    services.stop();
  }
});

test('token-classification asks for words, under the column names of Hugging Face unless others are given', async () => {
  const task = ['--task', 'token-classification'];
  const words = await requestOfTrain(...task, '--label-names', 'O, B-PER,I-PER', '--label-all-tokens');
  assert.deepEqual(columnsOf(words), ['tokens', 'ner_tags', RecordKind.WORDS]);
  const { options } = words?.spec ?? {};
  assert.deepEqual(
    [options?.task, options?.labelNames, options?.labelAllTokens],
    [Task.TOKEN_CLASSIFICATION, ['O', 'B-PER', 'I-PER'], true],
  );
  const named = await requestOfTrain(...task, '--text-column', 'words', '--label-column', 'pos_tags');
  assert.deepEqual(columnsOf(named), ['words', 'pos_tags', RecordKind.WORDS]);
  assert.deepEqual(columnsOf(await requestOfTrain()), ['text', 'label', RecordKind.TEXT]);
});

test('train asks for windows of questions with the names of run_qa.py and its lengths', async () => {
  const task = ['--task', 'question-answering'];
  const { dataset, options } = (await requestOfTrain(...task))?.spec ?? {};
  assert.deepEqual(
    [dataset?.recordKind, dataset?.maxSequenceLength, dataset?.docStride, dataset?.version2WithNegative],
    [RecordKind.QUESTIONS, 384, undefined, false],
  );
  assert.equal(options?.task, Task.QUESTION_ANSWERING);
  const named = await requestOfTrain(
    ...[...task, '--doc-stride', '64', '--max-seq-length', '256', '--version-2-with-negative'],
    ...['--question-column', 'q', '--context-column', 'c', '--answers-column', 'a'],
    ...['--n-best-size', '5', '--max-answer-length', '15', '--null-score-diff-threshold', '-1.5'],
    ...['--metric-for-best-model', 'exact_match'],
  );
  const { dataset: asked, options: chosen } = named?.spec ?? {};
  assert.deepEqual([asked?.maxSequenceLength, asked?.docStride, asked?.version2WithNegative], [256, 64, true]);
  assert.deepEqual([asked?.questionColumn, asked?.contextColumn, asked?.answersColumn], ['q', 'c', 'a']);
  assert.deepEqual(
    [chosen?.nBestSize, chosen?.maxAnswerLength, chosen?.nullScoreDiffThreshold, chosen?.metricForBestModel],
    [5, 15, -1.5, Metric.EXACT_MATCH],
  );
  assert.equal((await requestOfTrain())?.spec?.dataset?.maxSequenceLength, 128);
});

test('causal-lm asks for prompts, messages and blocks, by the names of TRL and run_clm.py', async () => {
  const task = ['--task', 'causal-lm'];
  const datasetOf = async (...argv: string[]): Promise<unknown[]> => {
    const { dataset } = (await requestOfTrain(...task, ...argv))?.spec ?? {};
    return [dataset?.recordKind, dataset?.blockSize, dataset?.assistantOnlyLoss];
  };
  assert.deepEqual(await datasetOf('--completion-column', 'answer'), [RecordKind.PROMPT_AND_COMPLETION, 0, false]);
  assert.deepEqual(await datasetOf('--assistant-only-loss', '--packing'), [RecordKind.MESSAGES, 128, true]);
  assert.deepEqual(await datasetOf('--packing', '--max-seq-length', '64'), [RecordKind.TEXT, 64, false]);
  assert.deepEqual(await datasetOf('--packing', '--block-size', '32'), [RecordKind.TEXT, 32, false]);
  using folder = new TemporaryFolder();
  writeFileSync(folder.join('template.jinja'), '{{ messages }}');
  const given = await requestOfTrain(...task, '--chat-template-path', folder.join('template.jinja'));
  assert.deepEqual(
    [given?.spec?.dataset?.chatTemplate, given?.spec?.dataset?.recordKind],
    ['{{ messages }}', RecordKind.MESSAGES],
  );
});

test("options of a language model's records that do not go together are bad usage", async () => {
  const services = await ScriptedServices.start({});
  try {
    for (const [argv, message] of [
      [
        ['--messages-column', 'messages'],
        /--messages-column is for --task causal-lm, the task is sequence-classification/,
      ],
      [
        ['--task', 'regression', '--packing'],
        /--packing is for --task causal-lm and masked-lm, the task is regression/,
      ],
      [
        ['--task', 'masked-lm', '--prompt-column', 'p'],
        /--prompt-column is for --task causal-lm, the task is masked-lm/,
      ],
      [['--task', 'causal-lm', '--block-size', '1'], /'--block-size <tokens>' argument '1' is invalid/],
      [
        ['--task', 'causal-lm', '--prompt-column', 'p', '--assistant-only-loss'],
        /Records are prompts with completions or messages, not both/,
      ],
      [
        ['--task', 'causal-lm', '--chat-template-path', '/no/file'],
        /\/no\/file: the chat template cannot be read: ENOENT/,
      ],
    ] as const) {
      const files = ['--model', '/m', '--train-file', '/f', '--output', '/o', '--server', services.address];
      const result = await runCli(['train', ...files, ...argv]);
      assert.equal(result.exitCode, 2, result.stderr);
      assert.match(result.stderr, message);
    }
  } finally {
    services.stop();
  }
});

function columnsOf(request: CreateRunRequest | undefined): unknown[] {
  const { textColumn, labelColumn, recordKind } = request?.spec?.dataset ?? {};
  return [textColumn, labelColumn, recordKind];
}

test('reduce tells a folder in the way as bad usage and a map that does not fit as a precondition', async () => {
  for (const [reason, exitCode] of [
    ['DESTINATION_EXISTS', 2],
    ['MAP_MISMATCH', 3],
  ] as const) {
    const services = await ScriptedServices.start({
      surgery: () => {
        throw richError(9, reason, 'no') as unknown as Error;
      },
    });
    try {
      const argv = ['reduce', '--model', '/m', '--vocabulary', '/v', '--output', '/o', '--server', services.address];
      assert.equal((await runCli(argv)).exitCode, exitCode);
    } finally {
      services.stop();
    }
  }
});

test('the launcher works under another program that starts it and passes the exit code on', () => {
  const help = execFileSync(LAUNCHER, ['--help'], { encoding: 'utf8' });
  assert.match(help, /Usage: pemmican/);
  assert.equal(spawnSync(LAUNCHER, ['nonsense']).status, 2);
});

test('the command ends quietly when nobody reads its output any more', () => {
  // `true` has gone long before the command writes, also on a busy machine.
  const line = `(sleep 0.5; "${LAUNCHER}" restore --help) | true; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', line], { encoding: 'utf8' });
  assert.deepEqual([stdout, stderr], ['141\n', '']);
});

test('the launcher says what to do when the pinned Node is missing', () => {
  using folder = new TemporaryFolder();
  mkdirSync(folder.join('tools/cli/bin'), { recursive: true });
  const copy = folder.join('tools/cli/bin/pemmican.mjs');
  writeFileSync(copy, readFileSync(LAUNCHER));
  const result = spawnSync(process.execPath, [copy], { encoding: 'utf8' });
  assert.equal(result.status, 3);
  assert.match(result.stderr, /npm run setup/);
});
