import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Metric, RunState, Task } from '@pemmican/contract/trainer';
import { RecordKind } from '@pemmican/contract/vocabulary';
import { refusalOf } from '@pemmican/testkit';
import { failureOf, finish, type RunFields } from './harness.ts';
import { tinyTrainer } from './tiny-trainer.ts';

const TIMEOUT = { timeout: 300_000 };
const { trainer, work, model, train } = tinyTrainer('bad-input');

let count = 0;
const freshFolder = (): string => {
  const folder = path.join(work, `case-${count++}`);
  mkdirSync(folder);
  return folder;
};

/** A copy of the tiny model of which one file is changed. */
function changedModel(fileName: string, change: (bytes: Buffer) => Buffer | string): string {
  const folder = path.join(freshFolder(), 'model');
  cpSync(model, folder, { recursive: true });
  writeFileSync(path.join(folder, fileName), change(readFileSync(path.join(folder, fileName))));
  return folder;
}

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;

/** The tiny model with another header over the same bytes. */
function changedHeader(change: (header: Header) => void): string {
  return changedModel('model.safetensors', (bytes) => {
    const length = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Header;
    change(header);
    const json = Buffer.from(JSON.stringify(header));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(json.length));
    return Buffer.concat([size, json, bytes.subarray(8 + length)]);
  });
}

function dataFile(content: string | Buffer, name = 'data.jsonl'): string {
  const file = path.join(freshFolder(), name);
  writeFileSync(file, content);
  return file;
}

const row = (label: unknown, text: unknown = 'word1 word2'): string => `${JSON.stringify({ text, label })}\n`;
const tagged = (...tags: unknown[]): string =>
  `${JSON.stringify({ tokens: tags.map((_, index) => `word${index}`), ner_tags: tags })}\n`;
const config = (change: (config: Record<string, unknown>) => void): string =>
  changedModel('config.json', (bytes) => {
    const json = JSON.parse(bytes.toString()) as Record<string, unknown>;
    change(json);
    return JSON.stringify(json);
  });
const MATRIX = 'embeddings.word_embeddings.weight';

interface Case {
  readonly name: string;
  /** What is wrong with an otherwise good run; made when the case runs. */
  readonly fields: () => Partial<RunFields>;
  readonly code: string;
  readonly reason: string;
  /** File, value and limit are in the message. */
  readonly message: RegExp;
}

const CASES: readonly Case[] = [
  {
    name: 'a model folder that is not there',
    fields: () => ({ model: path.join(work, 'no-model') }),
    code: 'NOT_FOUND',
    reason: 'NOT_FOUND',
    message: /no-model: there is no such folder/,
  },
  {
    name: 'a data file that is not there',
    fields: () => ({ train: path.join(work, 'no-data.jsonl') }),
    code: 'NOT_FOUND',
    reason: 'NOT_FOUND',
    message: /no-data\.jsonl: there is no such file/,
  },
  {
    name: 'a checkpoint that is no safetensors file',
    fields: () => ({
      model: changedModel('model.safetensors', () => 'PK\u0003\u0004 this is a pickle in a zip archive'),
    }),
    code: 'INVALID_ARGUMENT',
    reason: 'HEADER_TOO_LARGE',
    message: /model\.safetensors.*\d+/,
  },
  {
    name: 'a checkpoint that is cut off',
    fields: () => ({ model: changedModel('model.safetensors', (bytes) => bytes.subarray(0, bytes.length - 1000)) }),
    code: 'INVALID_ARGUMENT',
    reason: 'METADATA_INCOMPLETE_BUFFER',
    message: /model\.safetensors: tensors end at byte \d+, the file has \d+/,
  },
  {
    name: 'a header that is longer than the file',
    fields: () => ({
      model: changedModel('model.safetensors', (bytes) => {
        bytes.writeBigUInt64LE(BigInt(bytes.length * 2));
        return bytes;
      }),
    }),
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_HEADER_LENGTH',
    message: /model\.safetensors: header of \d+ bytes is longer than the file of \d+/,
  },
  {
    name: 'tensors that overlap',
    fields: () => ({
      model: changedHeader((header) => {
        const [first, second] = Object.values(header).filter(({ shape }) => shape?.join() === '32');
        second!.data_offsets = first!.data_offsets;
      }),
    }),
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_OFFSET',
    message: /model\.safetensors: tensor ".*" at byte \d+ overlaps/,
  },
  {
    name: 'a tensor of an absurd size',
    fields: () => ({
      model: changedHeader((header) => {
        header[MATRIX]!.shape = [2 ** 31, 2 ** 31];
      }),
    }),
    code: 'INVALID_ARGUMENT',
    reason: 'VALIDATION_OVERFLOW',
    message: /word_embeddings\.weight.*2147483648/,
  },
  {
    name: 'a tensor of the wrong dtype',
    fields: () => ({
      model: changedHeader((header) => {
        header[MATRIX]!.dtype = 'I32';
      }),
    }),
    code: 'FAILED_PRECONDITION',
    reason: 'WRONG_DTYPE',
    message: /word_embeddings\.weight.*I32/,
  },
  {
    name: 'a model type that there is no graph for',
    fields: () => ({
      model: config((json) => {
        json['model_type'] = 'mamba';
      }),
    }),
    code: 'FAILED_PRECONDITION',
    reason: 'UNSUPPORTED_MODEL',
    message: /config\.json.*mamba.*bert/,
  },
  {
    name: 'a config.json with a negative size',
    fields: () => ({
      model: config((json) => {
        json['hidden_size'] = -1;
      }),
    }),
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_CONFIG',
    message: /config\.json.*hidden_size.*-1/,
  },
  {
    name: 'a token that the matrix has no row for',
    fields: () => ({
      model: changedModel('vocab.txt', (bytes) => `${bytes.toString()}extra1\nextra2\n`),
      train: dataFile(row(0) + row(1, 'word1 extra2')),
    }),
    code: 'FAILED_PRECONDITION',
    reason: 'TOKENIZER_TOO_LARGE',
    message: /data\.jsonl, row 2: token id 126 \("extra2"\) has no row: the embedding matrix has 125 rows/,
  },
  {
    name: 'a label that the number of labels does not reach',
    fields: () => ({ train: dataFile(row(0) + row(1) + row(7)), options: { numLabels: 2 } }),
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_LABEL',
    message: /data\.jsonl.*row 3.*7/,
  },
  {
    name: 'a tag that the number of labels does not reach',
    fields: () => ({
      train: dataFile(tagged(0, 1) + tagged(0, 5)),
      dataset: { recordKind: RecordKind.WORDS },
      options: { task: Task.TOKEN_CLASSIFICATION, numLabels: 5 },
    }),
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_LABEL',
    message: /data\.jsonl: row 2, word 2: tag 5 is out of range, expected an integer from 0 to 4/,
  },
  {
    name: 'entities to be scored by tags without names',
    fields: () => ({
      train: dataFile(tagged(0, 1)),
      dataset: { recordKind: RecordKind.WORDS },
      options: { task: Task.TOKEN_CLASSIFICATION, metricForBestModel: Metric.F1 },
    }),
    code: 'FAILED_PRECONDITION',
    reason: 'TAGS_WITHOUT_NAMES',
    message: /metric_for_best_model is f1, .* the tags are numbers without names/,
  },
  {
    name: 'a label that is null',
    fields: () => ({ train: dataFile(row(0) + row(null)) }),
    code: 'INVALID_ARGUMENT',
    reason: 'MISSING_LABEL',
    message: /data\.jsonl: row 2: "label" is null/,
  },
  {
    name: 'a file without a record',
    fields: () => ({ train: dataFile('') }),
    code: 'INVALID_ARGUMENT',
    reason: 'EMPTY',
    message: /data\.jsonl: holds no records/,
  },
  {
    name: 'a record of 140 MB',
    fields: () => ({ train: dataFile(row(0) + row(1, 'word1 '.repeat(23_500_000))) }),
    code: 'INVALID_ARGUMENT',
    reason: 'TOO_LARGE',
    message: /data\.jsonl.*\d+/,
  },
  {
    name: 'bytes that are not UTF-8',
    fields: () => ({
      train: dataFile(Buffer.from([...Buffer.from('{"text": "a'), 0xff, 0xfe, ...Buffer.from('", "label": 0}\n')])),
    }),
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_UTF8',
    message: /data\.jsonl/,
  },
  {
    name: 'a column that is not there',
    fields: () => ({ dataset: { textColumn: 'sentence' } }),
    code: 'INVALID_ARGUMENT',
    reason: 'MISSING_COLUMN',
    message: /train\.jsonl.*sentence/,
  },
  {
    name: "a sequence length beyond the model's positions",
    fields: () => ({ dataset: { maxSequenceLength: 512 } }),
    code: 'FAILED_PRECONDITION',
    reason: 'SEQUENCE_TOO_LONG',
    message: /512.*128/,
  },
  {
    name: 'an output whose parent is a file',
    fields: () => ({ output: path.join(train, 'output') }),
    code: 'INVALID_ARGUMENT',
    reason: 'NOT_A_FOLDER',
    message: /train\.jsonl.output/,
  },
  {
    name: "an output that is the model's own folder",
    fields: () => ({ output: model }),
    code: 'FAILED_PRECONDITION',
    reason: 'OUTPUT_HOLDS_MODEL',
    message: /lies in the folder of the output/,
  },
  {
    name: 'a pattern to freeze that no parameter has',
    fields: () => ({ options: { freeze: ['bert.embeddings.*', 'bert.layers.*'] } }),
    code: 'INVALID_ARGUMENT',
    reason: 'UNKNOWN_PARAMETER',
    message: /named as "bert\.layers\.\*" says; there are .*bert\.encoder\.layer\.\*\.output\.dense\.weight/,
  },
  {
    name: 'everything frozen',
    fields: () => ({ options: { freeze: ['*'] } }),
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_OPTION',
    message: /Every parameter is frozen/,
  },
  {
    name: 'a module to adapt that the model does not have',
    fields: () => ({ options: { lora: { rank: 4, targetModules: ['query', 'q_proj'] } } }),
    code: 'INVALID_ARGUMENT',
    reason: 'UNKNOWN_PARAMETER',
    message: /No linear map is named "q_proj"; LoRA can adapt bert\.encoder\.layer\.\*\.attention\.self\.query, /,
  },
  {
    name: 'a checkpoint to resume from that is not there',
    fields: () => ({ resumeFromCheckpoint: path.join(work, 'no-checkpoint') }),
    code: 'NOT_FOUND',
    reason: 'NOT_FOUND',
    message: /no-checkpoint/,
  },
];

for (const { name, fields, code, reason, message } of CASES) {
  test(`a run with ${name} fails with ${code} ${reason} and leaves nothing`, TIMEOUT, async () => {
    const output = path.join(freshFolder(), 'output');
    const request = { model, output, train, ...fields() };
    const before = existsSync(request.output) ? readdirSync(request.output).sort() : [];
    const failure = failureOf((await finish(trainer, request)).run);
    assert.deepEqual([failure.code, failure.reason], [code, reason], failure.message);
    assert.match(failure.message, message);
    const left = existsSync(request.output) ? readdirSync(request.output).sort() : [];
    assert.deepEqual(left, before, 'nothing half-written');
  });
}

test('a text of 50 MB is cut to the sequence length like any other', TIMEOUT, async () => {
  const long = dataFile(row(0) + row(1, 'word1 '.repeat(8_500_000)));
  const { run } = await finish(trainer, { model, output: path.join(freshFolder(), 'output'), train: long });
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
  assert.equal(run.result?.longestBatchTokens, 32);
});

test('a run that fails on its input leaves the model that an earlier run trained', TIMEOUT, async () => {
  const output = path.join(freshFolder(), 'output');
  const { run } = await finish(trainer, { model, output, train });
  assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
  const trained = readFileSync(path.join(output, 'model.safetensors'));
  failureOf((await finish(trainer, { model, output, train: path.join(work, 'typo.jsonl') })).run);
  assert.ok(readFileSync(path.join(output, 'model.safetensors')).equals(trained));
  assert.equal(readFileSync(path.join(output, 'metrics.jsonl'), 'utf8').trim().split('\n').length, 2);
});

test('a request with options out of range is refused with every field named', TIMEOUT, async () => {
  const { name: _name, ...rest } = { name: '', model, output: path.join(freshFolder(), 'output'), train };
  const options = {
    learningRate: NaN,
    numTrainEpochs: -1,
    perDeviceTrainBatchSize: 0,
    adamBeta1: 1.5,
    seed: -3,
    lora: { rank: 0, dropout: 1 },
    freeze: ['*'],
  };
  await assert.rejects(finish(trainer, { ...rest, options }), (error) => {
    const { code, message } = refusalOf(error);
    assert.equal(code, 'INVALID_ARGUMENT');
    assert.match(message, /lora\.rank is 0, expected an integer from 1 to 65536/);
    assert.match(message, /lora\.dropout is 1, expected a number from 0 to below 1/);
    assert.match(message, /freeze is "\*", expected nothing beside lora/);
    for (const field of ['learning_rate', 'num_train_epochs', 'per_device_train_batch_size', 'adam_beta1', 'seed'])
      assert.match(message, new RegExp(`spec.options.${field}`));
    return true;
  });
  assert.equal(existsSync(rest.output), false);
});

test('a request whose records are not of the kind that the task takes is refused with the field', TIMEOUT, async () => {
  const fields = { model, output: path.join(freshFolder(), 'output'), train };
  for (const [task, recordKind, message] of [
    [Task.TOKEN_CLASSIFICATION, RecordKind.TEXT, /spec\.dataset\.record_kind.*must be words for token classification/],
    [
      Task.SEQ2SEQ_LM,
      RecordKind.TEXT,
      /spec\.dataset\.record_kind.*must be source and target for sequence-to-sequence/,
    ],
    [Task.CAUSAL_LM, RecordKind.SOURCE_AND_TARGET, /spec\.dataset\.record_kind.*is source and target, which/],
    [Task.REGRESSION, RecordKind.WORDS, /spec\.dataset\.record_kind.*is words, which token classification takes/],
    [Task.QUESTION_ANSWERING, RecordKind.TEXT, /spec\.dataset\.record_kind.*must be questions for question answering/],
    [Task.MASKED_LM, RecordKind.QUESTIONS, /spec\.dataset\.record_kind.*is questions, which question answering takes/],
  ] as const)
    await assert.rejects(finish(trainer, { ...fields, dataset: { recordKind }, options: { task } }), (error) => {
      const { code, message: told } = refusalOf(error);
      assert.equal(code, 'INVALID_ARGUMENT');
      assert.match(told, message);
      return true;
    });
  const asked = {
    ...{ ...fields, dataset: { recordKind: RecordKind.QUESTIONS, maxSequenceLength: 64, docStride: 64 } },
    options: { task: Task.QUESTION_ANSWERING, nBestSize: 0, maxAnswerLength: 0, metricForBestModel: Metric.ACCURACY },
  };
  await assert.rejects(finish(trainer, asked), (error) => {
    const { message } = refusalOf(error);
    assert.match(message, /doc_stride.*is 64, must be below max_sequence_length 64/);
    assert.match(message, /n_best_size.*nBestSize is 0, expected an integer from 1 to 1000/);
    assert.match(message, /max_answer_length.*maxAnswerLength is 0, expected an integer from 1/);
    assert.match(message, /metric_for_best_model.*expected one of loss, exact_match, f1 for question-answering/);
    return true;
  });
  const options = { task: Task.TOKEN_CLASSIFICATION, labelNames: ['O', 'B-X', 'O'], numLabels: 2 };
  const request = { ...fields, dataset: { recordKind: RecordKind.WORDS, textPairColumn: 'pair' }, options };
  await assert.rejects(finish(trainer, request), (error) => {
    const { message } = refusalOf(error);
    assert.match(message, /label_names.*has "O" twice.*has 3 names, num_labels is 2/);
    assert.match(message, /text_pair_column.*words have no second text/);
    return true;
  });
});

test(
  'a loss that becomes infinite stops the run with the step, and the last good checkpoint is kept',
  TIMEOUT,
  async () => {
    const output = path.join(freshFolder(), 'output');
    // The first step has a learning rate of 0; each later one multiplies the weights by about -10^6.
    const options = { maxSteps: 40, saveSteps: 1, learningRate: 1000, weightDecay: 1000, warmupSteps: 1 };
    const { run, events } = await finish(trainer, { model, output, train, options });
    const failure = failureOf(run);
    assert.deepEqual([failure.code, failure.reason], ['OUT_OF_RANGE', 'NON_FINITE_LOSS'], failure.message);
    const step = Number(/not finite at step (\d+)/.exec(failure.message)?.[1]);
    const saved = events.flatMap(({ event }) => (event?.$case === 'checkpoint' ? [event.value.step] : []));
    assert.deepEqual(
      saved,
      Array.from({ length: step - 1 }, (_, index) => index + 1),
    );
    assert.match(failure.message, new RegExp(`the checkpoint of step ${step - 1} is kept.*1000`));
    const kept = readdirSync(output).filter((name) => name.startsWith('checkpoint-'));
    assert.ok(kept.includes(`checkpoint-${step - 1}`));
    assert.equal(existsSync(path.join(output, 'model.safetensors')), false);
  },
);

test(
  'a memory budget that is too small is RESOURCE_EXHAUSTED with the budget, and the service lives',
  TIMEOUT,
  async () => {
    const output = path.join(freshFolder(), 'output');
    const fields = { model, output, train, memoryBudgetBytes: 2_000_000, options: { perDeviceTrainBatchSize: 64 } };
    const failure = failureOf((await finish(trainer, fields)).run);
    assert.deepEqual([failure.code, failure.reason], ['RESOURCE_EXHAUSTED', 'OUT_OF_MEMORY'], failure.message);
    assert.equal(existsSync(path.join(output, 'model.safetensors')), false);
    // The engine counts in MiB.
    await assert.rejects(finish(trainer, { ...fields, memoryBudgetBytes: 1_000_000 }), (error) => {
      assert.equal(
        refusalOf(error).message,
        'spec.memory_budget_bytes: is 1000000, must be 0 (no limit) or at least 1048576',
      );
      return true;
    });
    const { run } = await finish(trainer, { ...fields, memoryBudgetBytes: 0 });
    assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
  },
);

test('an output on a file system that is read-only fails the run with the folder', TIMEOUT, async (t) => {
  const disk = freshFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,ro', 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    t.skip('mounting a file system is not allowed here');
    return;
  }
  t.after(() => execFileSync('umount', ['-l', disk]));
  const failure = failureOf((await finish(trainer, { model, output: path.join(disk, 'output'), train })).run);
  assert.deepEqual([failure.code, failure.reason], ['PERMISSION_DENIED', 'READ_ONLY'], failure.message);
  assert.ok(failure.message.includes(path.join(disk, 'output')), failure.message);
});

test(
  'a disk that is full fails the run with the file, and its last whole checkpoint is resumed when there is room',
  TIMEOUT,
  async (t) => {
    const disk = freshFolder();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      t.skip('mounting a file system is not allowed here');
      return;
    }
    t.after(() => execFileSync('umount', ['-l', disk]));
    const output = path.join(disk, 'output');
    // A checkpoint takes about 430 kB: the first two fit, the third does not.
    const options = { maxSteps: 6, saveSteps: 1, saveTotalLimit: 10 };
    const failure = failureOf((await finish(trainer, { model, output, train, options })).run);
    assert.deepEqual([failure.code, failure.reason], ['RESOURCE_EXHAUSTED', 'DISK_FULL'], failure.message);
    assert.match(failure.message, /checkpoint-\d.*(no space is left|the disk has \d+ free)/);
    const names = readdirSync(output);
    assert.deepEqual(
      names.filter((name) => name.includes('.tmp')),
      [],
    );
    assert.ok(names.includes('checkpoint-1'));
    execFileSync('mount', ['-o', 'remount,size=20m', disk]);
    const { run } = await finish(trainer, { model, output, train, options, resumeFromCheckpoint: 'latest' });
    assert.equal(run.state, RunState.SUCCEEDED, run.error?.message);
    const calm = await finish(trainer, { model, output: path.join(freshFolder(), 'output'), train, options });
    assert.equal(run.result?.finalLoss, calm.run.result?.finalLoss);
  },
);
