// Language models go through the whole job: with the kept input rows where their matrices are not tied, and with the softmax
// restricted to the kept rows where that is asked for.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { SafetensorsFile } from '@pemmican/safetensors';
import { ensureAsset } from '@pemmican/setup';
import { openByteSource } from '@pemmican/storage';
import type { Report } from '../src/report/report.ts';
import { ask, pemmican, python, tryPemmican } from './processes.ts';
import { TemporaryFolder } from './run-cli.ts';
import { sentenceLines } from './sentences.ts';

const TIMEOUT_MS = 1_200_000;
const STEPS = ['--max-steps', '3', '--per-device-train-batch-size', '8', '--learning-rate', '1e-3', '--no-shuffle'];

async function tensorsOf(folder: string): Promise<Map<string, Uint8Array>> {
  const source = await openByteSource(path.join(folder, 'model.safetensors'));
  try {
    const file = await SafetensorsFile.open(source);
    const tensors = new Map<string, Uint8Array>();
    for (const name of [...file.tensors.keys()].sort()) tensors.set(name, await file.read(name));
    return tensors;
  } finally {
    await source.close();
  }
}

describe('the main job on language models', { timeout: TIMEOUT_MS }, () => {
  const folder = new TemporaryFolder();
  const data = (): string[] => [
    '--train-file',
    folder.join('train.jsonl'),
    '--validation-file',
    folder.join('dev.jsonl'),
  ];
  const run = (task: string, model: string, output: string, ...more: string[]): Report =>
    JSON.parse(
      pemmican(
        ...['run', '--task', task, '--model', folder.join(model), '--output', folder.join(output)],
        ...[...data(), ...STEPS, ...more, '--json'],
      ),
    ) as Report;

  before(
    async () => {
      const lines = await sentenceLines();
      writeFileSync(folder.join('train.jsonl'), lines.slice(0, 32).join(''));
      writeFileSync(folder.join('dev.jsonl'), lines.slice(32, 44).join(''));
      const [qwen, bert] = [await ensureAsset('tokenizer-qwen3'), await ensureAsset('tokenizer-bert-base-uncased')];
      const pairs = [`qwen3=${qwen}`, `qwen3-untied=${qwen}`, `bert-untied=${bert}`, `bert-tied=${bert}`];
      python('make_tiny_models.py', folder.path, ...pairs);
    },
    { timeout: TIMEOUT_MS },
  );
  after(() => {
    folder[Symbol.dispose]();
  });

  for (const [task, model] of [
    ['causal-lm', 'qwen3-untied'],
    ['masked-lm', 'bert-untied'],
  ] as const)
    // prettier-ignore
    test(`run trains an untied model with the used input rows, to the very bytes of --no-reduce: ${task}`, async () => {
      const report = run(task, model, `${task}-reduced`);
      const { reducedVocabSize, fullVocabSize } = report.vocabulary!;
      assert.ok(reducedVocabSize < fullVocabSize / 10, `${reducedVocabSize} of ${fullVocabSize}`);
      assert.equal(report.training.vocabRows, reducedVocabSize);
      assert.equal(report.training.restrictedSoftmax, false);
      // Planned with the whole output matrix: its rows and the kept ones of the embedding matrix, four numbers of each.
      const { full, reduced } = report.estimate!;
      assert.equal(full!.parameterCount - reduced!.parameterCount, (fullVocabSize - reducedVocabSize) * 16);
      const whole = run(task, model, `${task}-full`, '--no-reduce');
      assert.equal(report.training.finalLoss, whole.training.finalLoss);
      assert.equal(report.evaluation.after!.loss, whole.evaluation.after!.loss);
      const [ours, theirs] = [await tensorsOf(folder.join(`${task}-reduced`)), await tensorsOf(folder.join(`${task}-full`))];
      for (const [name, bytes] of theirs) assert.ok(Buffer.from(bytes).equals(ours.get(name)!), name);
      const source = await tensorsOf(folder.join(model));
      assert.deepEqual([...ours.keys()], [...source.keys()]);
      if (task !== 'causal-lm') return;
      const found = ask<{ missing: string[]; loss: number }>(
        'transformers_loss.py',
        folder.join(`${task}-reduced`),
        folder.join('dev.jsonl'),
      );
      assert.deepEqual(found.missing, []);
      const { loss } = report.evaluation.after!;
      assert.ok(Math.abs(loss - found.loss) < 1e-5 * found.loss, `${loss}, transformers ${found.loss}`);
    });

  test('run --restricted-softmax has the losses of a model of the kept rows in PyTorch, and says that they are others', async () => {
    const report = run('causal-lm', 'qwen3', 'restricted', '--restricted-softmax');
    assert.equal(report.training.restrictedSoftmax, true);
    const [train, dev] = [folder.join('train.jsonl'), folder.join('dev.jsonl')];
    const output = folder.join('restricted');
    const vocabulary = path.join(output, 'vocabulary.json');
    const theirs = ask<{ losses: number[]; evaluationLoss: number; keptCount: number }>(
      'restricted_losses.py',
      ...[folder.join('qwen3'), vocabulary, train, dev, '3', '8', '1e-3'],
    );
    assert.equal(theirs.keptCount, report.training.vocabRows);
    const losses = readFileSync(path.join(output, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { loss: number }).loss);
    // float32 in two programs, over three steps of Adam at a high rate.
    assert.equal(losses.length, 3);
    losses.forEach((loss, step) => {
      assert.ok(
        Math.abs(loss - theirs.losses[step]!) < 1e-5 * loss,
        `step ${step + 1}: ${loss}, PyTorch ${theirs.losses[step]!}`,
      );
    });
    const { loss } = report.evaluation.after!;
    assert.ok(Math.abs(loss - theirs.evaluationLoss) < 1e-5 * loss, `${loss}, PyTorch ${theirs.evaluationLoss}`);
    // Over the full vocabulary the same model has another loss.
    const full = ask<{ missing: string[]; loss: number }>('transformers_loss.py', output, dev);
    assert.deepEqual(full.missing, []);
    assert.ok(full.loss > loss + 1, `${full.loss} over all tokens, ${loss} over the kept ones`);
    assert.match(readFileSync(path.join(output, 'report.html'), 'utf8'), /the softmax ran over the kept rows only/);
    // Rows that were not kept are the source's.
    const [before, after] = [await tensorsOf(folder.join('qwen3')), await tensorsOf(output)];
    const kept = new Set((JSON.parse(readFileSync(vocabulary, 'utf8')) as { keptTokenIds: number[] }).keptTokenIds);
    const name = 'model.embed_tokens.weight';
    const rowBytes = 16 * 4;
    for (let row = 0; row < before.get(name)!.length / rowBytes; row += 97) {
      const rowOf = (tensors: Map<string, Uint8Array>): Buffer =>
        Buffer.from(tensors.get(name)!.subarray(row * rowBytes, (row + 1) * rowBytes));
      assert.equal(rowOf(before).equals(rowOf(after)), !kept.has(row), `row ${row}`);
    }
  });

  test('run --restricted-softmax restores the bias over the vocabulary of a masked language model too', async () => {
    const report = run('masked-lm', 'bert-tied', 'restricted-mlm', '--restricted-softmax');
    assert.ok(report.evaluation.after!.loss < Math.log(report.training.vocabRows) * 3);
    const [before, after] = [await tensorsOf(folder.join('bert-tied')), await tensorsOf(folder.join('restricted-mlm'))];
    assert.deepEqual([...after.keys()], [...before.keys()]);
    const bias = 'cls.predictions.bias';
    assert.equal(after.get(bias)!.length, before.get(bias)!.length);
    const changed = [...after.get(bias)!].filter((byte, index) => byte !== before.get(bias)![index]);
    assert.ok(changed.length > 0, 'the kept entries were trained');
  });

  test('a restricted softmax is refused where nothing is restricted, and a full one where something is', () => {
    const all = tryPemmican(
      ...['run', '--task', 'causal-lm', '--model', folder.join('qwen3'), '--output', folder.join('nowhere'), ...data()],
      ...['--restricted-softmax', '--no-reduce'],
    );
    assert.equal(all.status, 2, all.stderr);
    assert.match(all.stderr, /--restricted-softmax is over the kept rows; --no-reduce keeps all of them/);
    const whole = tryPemmican(
      ...[
        'train',
        '--task',
        'causal-lm',
        '--model',
        folder.join('qwen3'),
        '--output',
        folder.join('nowhere'),
        ...data(),
      ],
      '--restricted-softmax',
    );
    assert.equal(whole.status, 3, whole.stderr);
    assert.match(whole.stderr, /has all 151\d{3} rows of its output matrix/);
    // Analyzed with another seed: other tokens would be put in place of hidden ones.
    const bert = folder.join('bert-untied');
    pemmican('analyze', '--model', bert, ...data(), '--output', folder.join('other-seed.json'));
    const reduced = folder.join('other-seed');
    pemmican('reduce', '--model', bert, '--vocabulary', folder.join('other-seed.json'), '--output', reduced);
    const other = tryPemmican(
      ...['train', '--task', 'masked-lm', '--model', reduced, '--output', folder.join('nowhere'), ...data()],
    );
    assert.equal(other.status, 3, other.stderr);
    assert.match(
      other.stderr,
      /lacks \d+ of the 476 rows of tokens that masked-lm with seed 42 puts in place of others/,
    );
  });
});
