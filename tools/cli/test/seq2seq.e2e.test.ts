// Encoder-decoders through the whole job on a tiny T5, T5 version 1.1 and mT5, opened by transformers.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Checkpoint } from '@pemmican/safetensors';
import { openFolder } from '@pemmican/storage';
import type { Report } from '../src/report/report.ts';
import { ask, pemmican, python, tryPemmican } from './processes.ts';
import { TemporaryFolder } from './run-cli.ts';
import { sentenceLines } from './sentences.ts';

const TIMEOUT_MS = 1_200_000;
const PREFIX = 'shorten: ';
// Short enough that sources and targets are cut.
const [MAX_SOURCE, MAX_TARGET] = ['24', '9'];
const RECORDS = [
  ...['--task', 'seq2seq-lm', '--text-column', 'article', '--summary-column', 'highlights', '--source-prefix', PREFIX],
  ...['--max-source-length', MAX_SOURCE, '--max-target-length', MAX_TARGET],
];
const STEPS = ['--max-steps', '4', '--per-device-train-batch-size', '8', '--learning-rate', '1e-2'];

interface Theirs {
  readonly missing: string[];
  readonly architecture: string;
  readonly isTied: boolean;
  readonly loss: number;
  readonly paddedLoss: number;
  readonly tokenCount: number;
  readonly texts: string[];
}

async function tensorNames(folder: string): Promise<string[]> {
  const checkpoint = await Checkpoint.open(await openFolder(folder));
  await checkpoint.close();
  return checkpoint.tensorNames;
}

describe('sequence-to-sequence language modeling', { timeout: TIMEOUT_MS }, () => {
  const folder = new TemporaryFolder();
  const [train, dev] = [folder.join('train.jsonl'), folder.join('dev.jsonl')];
  const data = [...RECORDS, '--train-file', train, '--validation-file', dev];
  const theirsOf = (model: string, file = dev): Theirs =>
    ask<Theirs>('transformers_seq2seq.py', model, file, PREFIX, MAX_SOURCE, MAX_TARGET);

  before(
    async () => {
      const lines = (await sentenceLines()).map((line) => {
        const article = (JSON.parse(line) as { text: string }).text;
        return `${JSON.stringify({ article, highlights: article.split(/\s+/).slice(0, 5).join(' ') })}\n`;
      });
      writeFileSync(train, lines.slice(0, 40).join(''));
      writeFileSync(dev, lines.slice(40, 57).join(''));
      python('make_tiny_t5.py', folder.path, train);
    },
    { timeout: TIMEOUT_MS },
  );
  after(() => {
    folder[Symbol.dispose]();
  });

  /** The report's loss is transformers' on the model that came out. */
  function compareLoss(model: string, report: Report, isTied: boolean): Theirs {
    const { before: first, after: last } = report.evaluation;
    assert.ok(first !== null && last !== null && last.loss < first.loss);
    assert.ok(Math.abs(last.perplexity! - Math.exp(last.loss)) < 1e-9 * last.perplexity!);
    const theirs = theirsOf(model);
    assert.deepEqual([theirs.missing, theirs.isTied], [[], isTied]);
    // float32 in two programs.
    for (const loss of [theirs.loss, theirs.paddedLoss])
      assert.ok(Math.abs(last.loss - loss) < 1e-5 * loss, `${last.loss}, transformers ${loss}`);
    return theirs;
  }

  for (const [model, architecture, isTied] of [
    ['t5', 'T5ForConditionalGeneration', true],
    ['t5-v1.1', 'T5ForConditionalGeneration', false],
    ['mt5', 'MT5ForConditionalGeneration', false],
  ] as const)
    test(`run teaches a model to write targets, and transformers finds the loss that the report has: ${model}`, () => {
      const output = folder.join(`${model}-out`);
      const argv = ['--model', folder.join(model), '--output', output, '--no-reduce', ...data, ...STEPS];
      const report = JSON.parse(pemmican('run', ...argv, '--gradient-checkpointing', '--json')) as Report;
      assert.equal(compareLoss(output, report, isTied).architecture, architecture);
      // What was counted is what transformers' own tokens are: sources and targets, each cut to its length.
      const [counted] = report.vocabulary!.splits;
      assert.equal(counted!.tokenCount, theirsOf(output, train).tokenCount);
      assert.ok(counted!.truncatedRecordCount > 0 && counted!.tokensPerTargetMax === Number(MAX_TARGET));
      assert.deepEqual(
        [report.estimate!.sequenceLength, report.estimate!.targetLength],
        [Number(MAX_SOURCE), Number(MAX_TARGET)],
      );
      assert.ok(existsSync(path.join(output, 'generation_config.json')));
    });

  test('run trains an untied model with the used input rows, and has the losses of --no-reduce', async () => {
    const runOf = (output: string, ...more: string[]): Report => {
      const argv = ['--model', folder.join('mt5'), '--output', folder.join(output), ...data, ...STEPS, ...more];
      return JSON.parse(pemmican('run', ...argv, '--json')) as Report;
    };
    const [reduced, whole] = [runOf('mt5-reduced', '--pad-to-multiple-of', '1'), runOf('mt5-whole', '--no-reduce')];
    assert.ok(reduced.training.vocabRows < whole.training.vocabRows);
    assert.equal(reduced.training.finalLoss, whole.training.finalLoss);
    assert.equal(reduced.evaluation.after!.loss, whole.evaluation.after!.loss);
    compareLoss(folder.join('mt5-reduced'), reduced, false);
    // Reduced and restored by all the names that it has in the source.
    assert.deepEqual(await tensorNames(folder.join('mt5-reduced')), await tensorNames(folder.join('mt5')));
  });

  test('run --restricted-softmax trains a tied model over the kept rows, and restores all of them', () => {
    const output = folder.join('restricted');
    const argv = ['--model', folder.join('t5'), '--output', output, ...data, ...STEPS, '--pad-to-multiple-of', '1'];
    const report = JSON.parse(pemmican('run', ...argv, '--restricted-softmax', '--json')) as Report;
    assert.ok(report.training.restrictedSoftmax && report.evaluation.after!.loss < report.evaluation.before!.loss);
    const theirs = theirsOf(output);
    assert.deepEqual([theirs.missing, theirs.isTied], [[], true]);
    // Over all rows there is more to be wrong with.
    assert.ok(theirs.loss > report.evaluation.after!.loss);
  });

  test('run finds a batch size for sources and targets', () => {
    const argv = ['--model', folder.join('t5'), '--output', folder.join('found'), '--no-reduce', ...data, ...STEPS];
    const report = JSON.parse(
      pemmican('run', ...argv, '--auto-find-batch-size', '--memory', '8GB', '--json'),
    ) as Report;
    assert.equal(report.training.perDeviceTrainBatchSize, 8);
  });

  test('train adapts T5 with LoRA, and transformers finds the merged model to have the loss of the report', () => {
    const [output, merged] = [folder.join('adapter'), folder.join('merged')];
    pemmican('train', '--model', folder.join('t5'), '--output', output, ...data, ...STEPS, '--lora-rank', '4');
    const report = JSON.parse(readFileSync(path.join(output, 'report.json'), 'utf8')) as Report;
    // Queries and values of two encoder layers and of both attentions of three decoder layers.
    assert.equal(report.training.adaptedModuleCount, 2 * (2 + 2 * 3));
    const config = JSON.parse(readFileSync(path.join(output, 'adapter_config.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    assert.equal(config['task_type'], 'SEQ_2_SEQ_LM');
    pemmican('restore', '--model', folder.join('t5'), '--trained', output, '--output', merged);
    const { texts } = compareLoss(merged, report, true);
    // The adapter beside its base writes what transformers writes with the merged model.
    const ours = JSON.parse(pemmican('predict', '--model', output, ...RECORDS, '--file', dev, '--json')) as {
      texts: string[];
      unfinishedCount: number;
      rouge: { recordCount: number; rouge1: number };
    };
    assert.deepEqual(ours.texts, texts);
    assert.ok(new Set(texts).size > 1 && ours.unfinishedCount <= texts.length);
    assert.ok(ours.rouge.recordCount === texts.length && ours.rouge.rouge1 >= 0 && ours.rouge.rouge1 <= 1);
  });

  test('estimate tells the memory of sources and targets, and the largest batch that fits', () => {
    const argv = ['--model', folder.join('mt5'), ...data, '--memory', '1GB', '--json'];
    const { estimate } = JSON.parse(pemmican('estimate', ...argv)) as {
      estimate: {
        targetLength: number;
        tiedEmbeddings: boolean;
        reduced: { vocabRows: number; parameterCount: number };
        full: { vocabRows: number; parameterCount: number; largestBatchSize: number };
      };
    };
    assert.equal(estimate.targetLength, Number(MAX_TARGET));
    assert.equal(estimate.tiedEmbeddings, false);
    // The output matrix keeps its rows: only those of the embedding matrix, of 16 numbers each, are left out.
    const { full, reduced } = estimate;
    assert.ok(reduced.vocabRows < full.vocabRows);
    assert.equal(full.parameterCount - reduced.parameterCount, 16 * (full.vocabRows - reduced.vocabRows));
    assert.ok(full.largestBatchSize > 16);
  });

  test('what cannot be is refused, and says what would do', () => {
    const bad = folder.join('bad.jsonl');
    const lines = readFileSync(train, 'utf8').split('\n').slice(0, 9);
    writeFileSync(bad, [...lines, '{"article": "No target.", "highlights": null}', ''].join('\n'));
    const line = ['train', '--model', folder.join('t5'), '--output', folder.join('no'), ...RECORDS];
    const refused = (status: number, ...argv: string[]): string => {
      const result = tryPemmican(...argv);
      assert.equal(result.status, status, result.stderr);
      return result.stderr;
    };
    assert.match(refused(2, ...line, '--train-file', bad), /row 10: "highlights" is null, expected a string/);
    const skipping = [...line, '--train-file', bad, '--skip-invalid', '--max-steps', '1', '--overwrite'];
    assert.match(refused(0, ...skipping), /1 records without text/);
    const reduced = ['run', ...line.slice(1), '--overwrite', '--train-file', train];
    assert.match(
      refused(2, ...reduced),
      /--task seq2seq-lm trains the softmax over the full vocabulary.*add --no-reduce/,
    );
    const predict = ['predict', '--model', folder.join('t5'), ...RECORDS];
    assert.match(
      refused(2, ...predict, '--file', train, '--target-column', 'summary'),
      /--target-column and --summary-column name the same column/,
    );
    const task = ['train', '--model', folder.join('t5'), '--output', folder.join('none'), '--train-file', train];
    assert.match(
      refused(2, ...task, '--max-target-length', '5'),
      /--max-target-length is for records of a source and a target; add --task seq2seq-lm/,
    );
    assert.match(
      refused(2, ...line, '--overwrite', '--train-file', train, '--target-column', 'x'),
      /name the same column/,
    );
    assert.match(
      refused(2, ...line, '--overwrite', '--train-file', train, '--max-seq-length', '9'),
      /--max-source-length and --max-seq-length are the same length/,
    );
    assert.match(
      refused(2, ...line, '--overwrite', '--train-file', train, '--packing'),
      /--packing is for --task causal-lm and masked-lm, the task is seq2seq-lm/,
    );
    assert.match(
      refused(3, ...task, '--text-column', 'article', '--label-column', 'highlights', '--overwrite'),
      /a t5 model is not trained for sequence-classification here; it is for seq2seq-lm/,
    );
  });
});
