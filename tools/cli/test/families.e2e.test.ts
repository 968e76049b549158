// Every way in which families name and lay out their tensors goes through the whole job, and transformers opens what it left.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ensureAsset, type AssetName } from '@pemmican/setup';
import type { Report } from '../src/report/report.ts';
import { ask, pemmican, python, tryPemmican } from './processes.ts';
import { TemporaryFolder } from './run-cli.ts';
import { questionLines, sentenceLines, taggedLines } from './sentences.ts';

/** Answers with positions in code points, and the logits of each record's windows. */
interface Answers {
  readonly answers: readonly { answer: string; start: number; end: number; score?: number }[];
  readonly logits: readonly (readonly { start: number[]; end: number[] }[])[];
}

const TIMEOUT_MS = 1_200_000;

/** Largest difference of logits: float32 in two programs, or weights that were rounded to bfloat16. */
const MAX_DIFFERENCE = { F32: 1e-4, BF16: 0.25 };

/** Families with a tokenizer of their kind; one is kept in bfloat16. */
const FAMILIES: readonly (readonly [family: string, tokenizer: AssetName, dtype?: 'BF16'])[] = [
  ['xlm-roberta', 'multilingual-e5-small'],
  ['distilbert', 'tokenizer-bert-base-uncased'],
  ['electra', 'tokenizer-bert-base-uncased'],
  ['deberta-v2', 'tokenizer-bert-base-uncased'],
  ['gpt2', 'tokenizer-gpt2', 'BF16'],
  ['qwen3', 'tokenizer-qwen3'],
];

describe('the main job on every kind of family', { timeout: TIMEOUT_MS }, () => {
  const folder = new TemporaryFolder();

  before(
    async () => {
      const lines = await sentenceLines();
      writeFileSync(folder.join('train.jsonl'), lines.slice(0, 32).join(''));
      writeFileSync(folder.join('dev.jsonl'), lines.slice(32, 44).join(''));
      const pairs: string[] = [];
      for (const [family, tokenizer, dtype] of FAMILIES)
        pairs.push(`${family}=${await ensureAsset(tokenizer)}${dtype === undefined ? '' : `=${dtype}`}`);
      python('make_tiny_models.py', folder.path, ...pairs);
    },
    { timeout: TIMEOUT_MS },
  );
  after(() => {
    folder[Symbol.dispose]();
  });

  for (const [family, , dtype = 'F32'] of FAMILIES)
    test(`run trains with the used rows, restores all, and transformers gets the logits of predict: ${family}`, () => {
      const [output, file] = [folder.join(`${family}-out`), folder.join('dev.jsonl')];
      const report = JSON.parse(
        pemmican(
          'run',
          ...['--model', folder.join(family), '--output', output],
          ...['--train-file', folder.join('train.jsonl'), '--validation-file', file],
          ...['--max-steps', '3', '--per-device-train-batch-size', '8', '--learning-rate', '1e-3'],
          '--json',
        ),
      ) as Report;
      assert.ok(
        report.vocabulary !== null && report.vocabulary.reducedVocabSize < report.vocabulary.fullVocabSize / 10,
      );
      const difference = report.verification?.maxAbsoluteDifference ?? 1;
      assert.ok(difference <= MAX_DIFFERENCE[dtype] && (dtype === 'F32' || difference > 0), `${difference}`);
      const { logits } = JSON.parse(pemmican('predict', '--model', output, '--file', file, '--json')) as {
        logits: number[][];
      };
      const theirs = ask<Record<'missing' | 'logits', number[][]>>('transformers_logits.py', output, file);
      assert.deepEqual(theirs.missing, []);
      // float32 in two programs: 1e-4 is what the same model may differ by.
      for (const [row, values] of logits.entries())
        for (const [column, value] of values.entries())
          assert.ok(Math.abs(value - theirs.logits[row]![column]!) < 1e-4, `record ${row}: ${value}`);
      assert.ok(Math.max(...logits.map((row) => row[0]!)) - Math.min(...logits.map((row) => row[0]!)) > 1e-3);
    });

  test('train teaches a causal language model, and transformers finds the loss that the report has', () => {
    const [output, file] = [folder.join('causal-out'), folder.join('dev.jsonl')];
    pemmican(
      'train',
      ...['--task', 'causal-lm', '--model', folder.join('qwen3'), '--output', output],
      ...['--train-file', folder.join('train.jsonl'), '--validation-file', file],
      ...['--max-steps', '3', '--per-device-train-batch-size', '8', '--learning-rate', '1e-3'],
    );
    const report = JSON.parse(readFileSync(path.join(output, 'report.json'), 'utf8')) as Report;
    const { before: first, after: last } = report.evaluation;
    assert.ok(first !== null && last !== null && last.loss < first.loss);
    assert.ok(Math.abs(last.perplexity! - Math.exp(last.loss)) < 1e-9 * last.perplexity!);
    const theirs = ask<{ missing: string[]; loss: number }>('transformers_loss.py', output, file);
    assert.deepEqual(theirs.missing, []);
    assert.ok(Math.abs(last.loss - theirs.loss) < 1e-5 * theirs.loss, `${last.loss}, transformers ${theirs.loss}`);
  });

  test('run teaches a classifier of words with the used rows, and transformers gives the same tags and loss', async () => {
    const lines = await taggedLines();
    const [train, dev, output] = [folder.join('tags.jsonl'), folder.join('dev-tags.jsonl'), folder.join('tags-out')];
    writeFileSync(train, lines.slice(0, 64).join(''));
    // Short enough a limit that words are cut off.
    writeFileSync(dev, lines.slice(64, 76).join(''));
    const data = ['--task', 'token-classification', '--max-seq-length', '20'];
    const report = JSON.parse(
      pemmican(
        'run',
        ...data,
        ...['--model', folder.join('distilbert'), '--output', output, '--train-file', train, '--validation-file', dev],
        ...['--max-steps', '60', '--per-device-train-batch-size', '8', '--learning-rate', '3e-2', '--dropout', '0'],
        ...['--metric-for-best-model', 'f1', '--load-best-model-at-end', '--eval-steps', '30', '--save-steps', '30'],
        '--json',
      ),
    ) as Report;
    assert.ok(report.vocabulary !== null && report.vocabulary.reducedVocabSize < report.vocabulary.fullVocabSize / 10);
    const { before: first, after: last } = report.evaluation;
    assert.ok(first !== null && last !== null && last.loss < first.loss);
    assert.ok(last.f1! > first.f1! && last.precision! > 0 && last.recall! > 0 && last.accuracy! > last.f1!);
    const ours = JSON.parse(pemmican('predict', ...data, '--model', output, '--file', dev, '--json')) as {
      labels: (string | null)[][];
      logits: (number[] | null)[][];
    };
    const theirs = ask<
      typeof ours & {
        missing: string[];
        architecture: string;
        id2label: Record<string, string>;
        loss: number;
      }
    >('transformers_tags.py', output, dev, '20');
    assert.deepEqual(theirs.missing, []);
    assert.equal(theirs.architecture, 'DistilBertForTokenClassification');
    // run_ner.py sorts the tags.
    assert.deepEqual(theirs.id2label, { 0: 'B-THING', 1: 'I-THING', 2: 'O' });
    assert.deepEqual(ours.labels, theirs.labels);
    const told = new Set(ours.labels.flat());
    assert.ok(told.has(null) && told.size > 2, [...told].join());
    for (const [record, words] of ours.logits.entries())
      for (const [word, values] of words.entries())
        for (const [column, value] of (values ?? []).entries())
          assert.ok(Math.abs(value - theirs.logits[record]![word]![column]!) < 1e-4, `record ${record}, word ${word}`);
    assert.ok(Math.abs(last.loss - theirs.loss) < 1e-5 * theirs.loss, `${last.loss}, transformers ${theirs.loss}`);
  });

  test('run teaches a model to find answers with the used rows, and transformers finds the same ones with the same loss', async () => {
    const lines = await questionLines();
    const [train, dev, output] = [
      folder.join('asked.jsonl'),
      folder.join('dev-asked.jsonl'),
      folder.join('answers-out'),
    ];
    writeFileSync(train, lines.slice(0, 24).join(''));
    writeFileSync(dev, lines.slice(24, 32).join(''));
    // So short a limit that most contexts take several windows.
    const data = ['--task', 'question-answering', '--max-seq-length', '48', '--doc-stride', '12'];
    // One window at a time, so that no padding has a part in the loss; all starts and ends are looked at.
    const choice = ['--per-device-eval-batch-size', '1', '--n-best-size', '48', '--max-answer-length', '6'];
    const report = JSON.parse(
      pemmican(
        'run',
        ...[...data, ...choice],
        ...['--model', folder.join('electra'), '--output', output, '--train-file', train, '--validation-file', dev],
        ...['--max-steps', '40', '--per-device-train-batch-size', '8', '--learning-rate', '1e-2', '--dropout', '0'],
        ...['--metric-for-best-model', 'exact_match', '--load-best-model-at-end', '--gradient-checkpointing'],
        '--json',
      ),
    ) as Report;
    assert.ok(report.vocabulary !== null && report.vocabulary.reducedVocabSize < report.vocabulary.fullVocabSize / 10);
    const { before: first, after: last } = report.evaluation;
    assert.ok(first !== null && last !== null && last.recordCount === 8);
    assert.ok(last.f1! >= last.exactMatch! && last.exactMatch! >= 0 && last.f1! <= 1);
    const ours = JSON.parse(
      pemmican('predict', ...data, ...choice, '--model', output, '--file', dev, '--json'),
    ) as Answers;
    const theirs = ask<Answers & { missing: string[]; architecture: string; loss: number }>(
      ...(['transformers_answers.py', output, dev, '48', '12', '6'] as const),
    );
    assert.deepEqual(theirs.missing, []);
    assert.equal(theirs.architecture, 'ElectraForQuestionAnswering');
    assert.deepEqual(
      ours.answers.map(({ score: _, ...answer }) => answer),
      theirs.answers,
    );
    assert.ok(ours.answers.every(({ score }) => score! > 0 && score! <= 1));
    assert.ok(theirs.logits.some((windows) => windows.length > 1));
    for (const [record, windows] of theirs.logits.entries())
      for (const [window, bounds] of windows.entries())
        for (const bound of ['start', 'end'] as const)
          for (const [token, value] of bounds[bound].entries())
            assert.ok(
              Math.abs(value - ours.logits[record]![window]![bound][token]!) < 1e-4,
              `record ${record}, ${bound}`,
            );
    assert.ok(Math.abs(last.loss - theirs.loss) < 1e-5 * theirs.loss, `${last.loss}, transformers ${theirs.loss}`);
  });

  test('a language model is not trained without its full vocabulary', () => {
    const reduced = folder.join('reduced');
    const file = folder.join('train.jsonl');
    pemmican(
      'analyze',
      ...['--model', folder.join('qwen3'), '--train-file', file],
      ...['--output', folder.join('vocabulary.json')],
    );
    pemmican(
      'reduce',
      ...['--model', folder.join('qwen3'), '--vocabulary', folder.join('vocabulary.json'), '--output', reduced],
    );
    const data = ['--train-file', file, '--output', folder.join('nowhere')];
    const train = tryPemmican('train', '--task', 'causal-lm', '--model', reduced, ...data);
    assert.equal(train.status, 3, train.stderr);
    assert.match(train.stderr, /keeps \d+ of 151\d{3} embedding rows; the softmax of causal-lm runs over the full/);
    const run = tryPemmican('run', '--task', 'causal-lm', '--model', folder.join('qwen3'), ...data);
    assert.equal(run.status, 2, run.stderr);
    assert.match(run.stderr, /add --no-reduce/);
    const wrongFamily = tryPemmican('train', '--task', 'masked-lm', '--model', folder.join('qwen3'), ...data);
    assert.equal(wrongFamily.status, 3, wrongFamily.stderr);
    assert.match(wrongFamily.stderr, /a qwen3 model is not trained for masked-lm here; it is for .*causal-lm/);
  });
});
