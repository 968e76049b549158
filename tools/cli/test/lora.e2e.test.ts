// Adapters through the whole job, on a model whose matrices lie the other way round (GPT-2), opened by PEFT.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ensureAsset } from '@pemmican/setup';
import type { Report } from '../src/report/report.ts';
import { ask, pemmican, python, tryPemmican } from './processes.ts';
import { TemporaryFolder } from './run-cli.ts';
import { questionLines, sentenceLines } from './sentences.ts';

const TIMEOUT_MS = 1_200_000;
const LORA = ['--lora-rank', '4', '--lora-alpha', '12', '--lora-target-modules', 'all-linear', '--lora-dropout', '0.1'];
const STEPS = ['--max-steps', '5', '--per-device-train-batch-size', '8', '--learning-rate', '1e-2'];

function largestDifference(a: readonly number[][], b: readonly number[][]): number {
  assert.equal(a.length, b.length);
  return Math.max(...a.flatMap((row, index) => row.map((value, column) => Math.abs(value - b[index]![column]!))));
}

describe('adapters', { timeout: TIMEOUT_MS }, () => {
  const folder = new TemporaryFolder();
  const [model, adapter, dev] = [folder.join('gpt2'), folder.join('adapter'), folder.join('dev.jsonl')];
  const data = ['--train-file', folder.join('train.jsonl'), '--validation-file', dev];

  before(
    async () => {
      const lines = await sentenceLines();
      writeFileSync(folder.join('train.jsonl'), lines.slice(0, 32).join(''));
      writeFileSync(dev, lines.slice(32, 44).join(''));
      const tokenizers = [
        `gpt2=${await ensureAsset('tokenizer-gpt2')}`,
        `electra=${await ensureAsset('tokenizer-bert-base-uncased')}`,
      ];
      python('make_tiny_models.py', folder.path, ...tokenizers);
    },
    { timeout: TIMEOUT_MS },
  );
  after(() => {
    folder[Symbol.dispose]();
  });

  const predict = (...argv: string[]): number[][] =>
    (JSON.parse(pemmican('predict', ...argv, '--file', dev, '--json')) as { logits: number[][] }).logits;

  test('run trains an adapter beside the used rows, and PEFT gets the logits of predict with all rows', () => {
    const said = pemmican('run', '--model', model, '--output', adapter, ...data, ...STEPS, ...LORA);
    assert.match(said, /Adapter: .*adapter \(PEFT; for .*gpt2, into which `pemmican restore` merges it\)/);
    const report = JSON.parse(readFileSync(path.join(adapter, 'report.json'), 'utf8')) as Report;
    assert.ok(report.vocabulary!.reducedVocabSize < report.vocabulary!.fullVocabSize / 10);
    assert.ok((report.verification?.maxAbsoluteDifference ?? 1) <= 1e-4);
    assert.ok(!readdirSync(adapter).some((name) => /^model/.test(name)));
    const ours = predict('--model', adapter);
    const theirs = ask<Record<'logits' | 'base' | 'merged', number[][]>>('peft_logits.py', adapter, dev);
    // float32 in two programs: 1e-4 is what the same model may differ by.
    assert.ok(largestDifference(ours, theirs.logits) < 1e-4);
    assert.ok(largestDifference(theirs.logits, theirs.base) > 1e-2, 'the adapter does something');
    assert.deepEqual(predict('--model', adapter, '--base-model', model), ours);
  });

  test('restore merges the adapter, and transformers gets its logits from the ordinary checkpoint', () => {
    const merged = folder.join('merged');
    const said = pemmican('restore', '--model', model, '--trained', adapter, '--output', merged);
    assert.match(said, /An adapter was merged into 8 of its matrices/);
    assert.ok(!existsSync(path.join(merged, 'adapter_config.json')));
    const ours = predict('--model', adapter);
    assert.ok(largestDifference(predict('--model', merged), ours) < 1e-4);
    const theirs = ask<{ missing: string[]; logits: number[][] }>('transformers_logits.py', merged, dev);
    assert.deepEqual(theirs.missing, []);
    assert.ok(largestDifference(theirs.logits, ours) < 1e-4);
  });

  test('run --lora-merge gives the merged checkpoint at once', () => {
    const output = folder.join('run-merged');
    const argv = ['run', '--model', model, '--output', output, ...data, ...STEPS, ...LORA, '--lora-merge', '--json'];
    const report = JSON.parse(pemmican(...argv)) as Report;
    assert.ok((report.verification?.maxAbsoluteDifference ?? 1) <= 1e-4);
    assert.ok(existsSync(path.join(output, 'model.safetensors')));
    assert.ok(!readdirSync(output).some((name) => name.startsWith('adapter')));
    assert.ok(largestDifference(predict('--model', output), predict('--model', adapter)) < 1e-4);
  });

  test('--lora-train-embeddings trains the used rows too, and PEFT and transformers get the logits of predict with all rows', () => {
    const [output, merged] = [folder.join('rows'), folder.join('rows-merged')];
    pemmican('run', '--model', model, '--output', output, ...data, ...STEPS, ...LORA, '--lora-train-embeddings');
    const report = JSON.parse(readFileSync(path.join(output, 'report.json'), 'utf8')) as Report;
    const { reducedVocabSize, fullVocabSize } = report.vocabulary!;
    assert.ok(reducedVocabSize < fullVocabSize / 10);
    assert.ok((report.verification?.maxAbsoluteDifference ?? 1) <= 1e-4);
    const ours = predict('--model', output);
    const theirs = ask<Record<'logits' | 'base' | 'merged', number[][]>>('peft_logits.py', output, dev);
    assert.ok(largestDifference(ours, theirs.logits) < 1e-4);
    assert.ok(largestDifference(ours, predict('--model', adapter)) > 1e-2, 'the rows do something');
    const said = pemmican('restore', '--model', model, '--trained', output, '--output', merged);
    const rows = `into 8 of its matrices and ${reducedVocabSize} of its ${fullVocabSize} embedding rows`;
    assert.ok(said.includes(`An adapter was merged ${rows}; no other row changed.`), said);
    assert.ok(largestDifference(predict('--model', merged), theirs.merged) < 1e-4);
    const loaded = ask<{ missing: string[]; logits: number[][] }>('transformers_logits.py', merged, dev);
    assert.deepEqual(loaded.missing, []);
    assert.ok(largestDifference(loaded.logits, ours) < 1e-4);
  });

  test('train adapts a causal language model, and transformers finds the merged model to have the loss of the report', () => {
    const [output, merged] = [folder.join('causal'), folder.join('causal-merged')];
    const lm = ['--task', 'causal-lm', '--lora-rank', '4', '--gradient-checkpointing'];
    const said = pemmican('train', '--model', model, '--output', output, ...data, ...STEPS, ...lm);
    assert.match(said, /PEFT adapter for .*gpt2 \(merge it with `pemmican restore`\): /);
    const report = JSON.parse(readFileSync(path.join(output, 'report.json'), 'utf8')) as Report;
    const { before: first, after: last } = report.evaluation;
    assert.ok(first !== null && last !== null && last.loss < first.loss);
    assert.equal(report.training.adaptedModuleCount, 2);
    pemmican('restore', '--model', model, '--trained', output, '--output', merged);
    const theirs = ask<{ missing: string[]; loss: number }>('transformers_loss.py', merged, dev);
    assert.deepEqual(theirs.missing, []);
    assert.ok(Math.abs(last.loss - theirs.loss) < 1e-5 * theirs.loss, `${last.loss}, transformers ${theirs.loss}`);
  });

  test('train adapts a model that finds answers, and transformers finds the merged one to have the loss of the report', async () => {
    const lines = await questionLines();
    const [train, asked] = [folder.join('asked.jsonl'), folder.join('dev-asked.jsonl')];
    const [encoder, output, merged] = [folder.join('electra'), folder.join('answers'), folder.join('answers-merged')];
    writeFileSync(train, lines.slice(0, 16).join(''));
    writeFileSync(asked, lines.slice(16, 20).join(''));
    pemmican(
      'train',
      ...['--task', 'question-answering', '--model', encoder, '--output', output, ...STEPS, '--lora-rank', '4'],
      ...['--train-file', train, '--validation-file', asked, '--max-seq-length', '48', '--doc-stride', '12'],
      // One window at a time, so that no padding has a part in the loss.
      ...['--per-device-eval-batch-size', '1'],
    );
    const report = JSON.parse(readFileSync(path.join(output, 'report.json'), 'utf8')) as Report;
    const { before: first, after: last } = report.evaluation;
    assert.ok(first !== null && last !== null && last.loss < first.loss);
    assert.equal(report.training.adaptedModuleCount, 4);
    pemmican('restore', '--model', encoder, '--trained', output, '--output', merged);
    const script = ['transformers_answers.py', merged, asked, '48', '12', '6'] as const;
    const theirs = ask<{ missing: string[]; architecture: string; loss: number }>(...script);
    assert.deepEqual(theirs.missing, []);
    assert.equal(theirs.architecture, 'ElectraForQuestionAnswering');
    assert.ok(Math.abs(last.loss - theirs.loss) < 1e-5 * theirs.loss, `${last.loss}, transformers ${theirs.loss}`);
  });

  test('options of adapters without adapters are refused', () => {
    const refused = (...argv: string[]): string => {
      const line = ['run', '--model', model, '--output', folder.join('no'), ...data, ...argv];
      const { status, stderr } = tryPemmican(...line);
      assert.equal(status, 2, stderr);
      return stderr;
    };
    assert.match(refused('--lora-alpha', '4'), /--lora-alpha says how adapters are trained; add --lora-rank/);
    assert.match(
      refused('--lora-train-embeddings'),
      /--lora-train-embeddings says how adapters are trained; add --lora-rank/,
    );
    assert.match(refused('--lora-merge'), /--lora-merge merges a trained adapter; add --lora-rank/);
    assert.match(refused('--lora-rank', '0'), /whole number from 1 to 65536/);
    assert.match(refused('--lora-rank', '4', '--lora-target-modules', 'q,'), /names with commas between them/);
  });
});
