// What a causal language model reads of conversations, prompts and packed texts, from a file to the loss that transformers finds.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ensureAsset } from '@pemmican/setup';
import type { Report } from '../src/report/report.ts';
import { ask, pemmican, python, tryPemmican } from './processes.ts';
import { TemporaryFolder } from './run-cli.ts';
import { sentenceLines } from './sentences.ts';

const TIMEOUT_MS = 1_200_000;

// SmolLM2's own template, with generation blocks around what it adds for the assistant.
const TURN = `message['content'] + '<|im_end|>' + '\n'`;
const TEMPLATE = `{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}{% if message['role'] == 'assistant' %}{% generation %}{{ ${TURN} }}{% endgeneration %}{% else %}{{ ${TURN} }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`;

interface Theirs {
  readonly missing: string[];
  readonly loss: number;
  readonly sequenceCount: number;
  readonly labelCount: number;
  readonly tokenCount: number;
  readonly distinctTokenCount: number;
}

describe('records of a language model, from a file to a loss', { timeout: TIMEOUT_MS }, () => {
  const folder = new TemporaryFolder();
  const model = folder.join('gpt2');
  const training = ['--max-steps', '3', '--per-device-train-batch-size', '8', '--learning-rate', '1e-3'];

  before(
    async () => {
      const texts = (await sentenceLines()).map((line) => (JSON.parse(line) as { text: string }).text);
      const write = (
        name: string,
        first: number,
        count: number,
        rowOf: (text: string, index: number) => unknown,
      ): void => {
        const rows = texts.slice(first, first + count).map((text, index) => `${JSON.stringify(rowOf(text, index))}\n`);
        writeFileSync(folder.join(name), rows.join(''));
      };
      const answer = (text: string): string => text.split(' ').reverse().join(' ');
      for (const [name, first, count] of [
        ['train', 0, 40],
        ['dev', 40, 16],
      ] as const) {
        write(`${name}-texts.jsonl`, first, count, (text) => ({ text }));
        write(`${name}-prompts.jsonl`, first, count, (text) => ({ prompt: `${text}\n`, completion: answer(text) }));
        write(`${name}-messages.jsonl`, first, count, (text, index) => ({
          messages: [
            ...(index % 3 === 0 ? [{ role: 'system', content: 'Turn it around.' }] : []),
            { role: 'user', content: text },
            { role: 'assistant', content: answer(text) },
            ...(index % 2 === 0
              ? [
                  { role: 'user', content: 'And \u{1f600}?' },
                  { role: 'assistant', content: text.slice(0, 20) },
                ]
              : []),
          ],
        }));
      }
      writeFileSync(folder.join('template.jinja'), TEMPLATE);
      python('make_tiny_models.py', folder.path, `gpt2=${await ensureAsset('SmolLM2-135M-Instruct')}`);
    },
    { timeout: TIMEOUT_MS },
  );
  after(() => {
    folder[Symbol.dispose]();
  });

  const files = (kind: string): string[] => [
    ...['--train-file', folder.join(`train-${kind}.jsonl`)],
    ...['--validation-file', folder.join(`dev-${kind}.jsonl`)],
  ];

  function assertSame(report: Report, theirs: Theirs): void {
    const { before: first, after: last } = report.evaluation;
    assert.deepEqual(theirs.missing, []);
    assert.ok(first !== null && last !== null && last.loss < first.loss);
    assert.equal(last.recordCount, theirs.sequenceCount);
    assert.ok(Math.abs(last.perplexity! - Math.exp(last.loss)) < 1e-9 * last.perplexity!);
    assert.ok(Math.abs(last.loss - theirs.loss) < 1e-5 * theirs.loss, `${last.loss}, transformers ${theirs.loss}`);
  }

  /** What the analysis counted of a file is what transformers reads of it. */
  function assertCounted(kind: string, theirs: Theirs, ...options: string[]): void {
    const argv = ['--model', model, '--task', 'causal-lm', '--train-file', folder.join(`train-${kind}.jsonl`)];
    const { splits } = JSON.parse(pemmican('analyze', ...argv, ...options, '--json')) as {
      splits: Record<'recordCount' | 'tokenCount' | 'distinctTokenCount', number>[];
    };
    const { recordCount, tokenCount, distinctTokenCount } = splits[0]!;
    assert.deepEqual(
      { recordCount, tokenCount, distinctTokenCount },
      {
        recordCount: theirs.sequenceCount,
        tokenCount: theirs.tokenCount,
        distinctTokenCount: theirs.distinctTokenCount,
      },
    );
  }

  test('run trains on what the assistant says, and transformers finds the same loss with the trained folder and its template', () => {
    const output = folder.join('messages-out');
    const template = ['--chat-template-path', folder.join('template.jinja')];
    const data = ['--messages-column', 'messages', '--assistant-only-loss', '--max-seq-length', '96', '--skip-invalid'];
    const report = JSON.parse(
      pemmican(
        ...['run', '--no-reduce', '--task', 'causal-lm', '--model', model, '--output', output, ...training],
        ...[...files('messages'), ...data, ...template, '--json'],
      ),
    ) as Report;
    assert.equal(readFileSync(path.join(output, 'chat_template.jinja'), 'utf8'), TEMPLATE);
    const askFor = (split: string): Theirs =>
      ask<Theirs>('transformers_sequences.py', output, folder.join(`${split}-messages.jsonl`), 'messages', '96');
    assertSame(report, askFor('dev'));
    assertCounted('messages', askFor('train'), ...data, ...template);
    // Without a template of its own the same tokens are found by what SmolLM2's adds: the system's message is all that differs.
    const own = tryPemmican(
      ...['train', '--task', 'causal-lm', '--model', model, '--output', folder.join('own-out'), ...training],
      ...[...files('messages'), ...data],
    );
    assert.equal(own.status, 0, own.stderr);
    assert.match(own.stderr, /train-messages\.jsonl: \d+ of \d+ tokens are predicted/);
  });

  test("train learns completions, and transformers finds the same loss with TRL's labels", () => {
    const output = folder.join('prompts-out');
    const data = [
      '--prompt-column',
      'prompt',
      '--completion-column',
      'completion',
      '--max-seq-length',
      '20',
      '--skip-invalid',
    ];
    pemmican(
      ...[
        'train',
        '--task',
        'causal-lm',
        '--model',
        model,
        '--output',
        output,
        ...training,
        ...files('prompts'),
        ...data,
      ],
    );
    const report = JSON.parse(readFileSync(path.join(output, 'report.json'), 'utf8')) as Report;
    const askFor = (split: string): Theirs =>
      ask<Theirs>('transformers_sequences.py', output, folder.join(`${split}-prompts.jsonl`), 'prompts', '20');
    assertSame(report, askFor('dev'));
    const train = askFor('train');
    // Some completions are past the limit.
    assert.ok(train.sequenceCount < 40);
    assertCounted('prompts', train, ...data);
    const refused = tryPemmican(
      ...['train', '--task', 'causal-lm', '--model', model, '--output', folder.join('nowhere'), ...files('prompts')],
      ...data.slice(0, -1),
    );
    assert.equal(refused.status, 2, refused.stderr);
    assert.match(refused.stderr, /train-prompts\.jsonl: row \d+: the completion has no token within the 20 tokens/);
  });

  test('train packs texts, and transformers finds the same loss of the blocks that run_clm.py makes', () => {
    const output = folder.join('blocks-out');
    pemmican(
      ...['train', '--task', 'causal-lm', '--model', model, '--output', output, ...training, ...files('texts')],
      ...['--block-size', '32'],
    );
    const report = JSON.parse(readFileSync(path.join(output, 'report.json'), 'utf8')) as Report;
    const askFor = (split: string): Theirs =>
      ask<Theirs>('transformers_sequences.py', output, folder.join(`${split}-texts.jsonl`), 'blocks', '32');
    assertSame(report, askFor('dev'));
    assertCounted('texts', askFor('train'), '--packing', '--max-seq-length', '32');
    const estimate = JSON.parse(
      pemmican('estimate', '--task', 'causal-lm', '--model', model, ...files('texts'), '--block-size', '130', '--json'),
    ) as { estimate: { sequenceLength: number } };
    assert.equal(estimate.estimate.sequenceLength, 130);
  });

  test('blocks longer than the positions of the model, and templates that refuse a conversation, are told before training', () => {
    const argv = ['train', '--task', 'causal-lm', '--model', model, '--output', folder.join('nowhere')];
    const long = tryPemmican(...argv, ...files('texts'), '--block-size', '141');
    assert.equal(long.status, 3, long.stderr);
    assert.match(long.stderr, /block_size 141 is over the model's 140 positions/);
    writeFileSync(folder.join('refusing.jinja'), "{{ raise_exception('Only one message!') }}");
    const template = ['--messages-column', 'messages', '--chat-template-path', folder.join('refusing.jinja')];
    const refused = tryPemmican(...argv, ...files('messages'), ...template);
    assert.equal(refused.status, 2, refused.stderr);
    assert.match(
      refused.stderr,
      /train-messages\.jsonl: row 1: the chat template .* refuses the conversation: Only one message!/,
    );
  });
});
