// Token ids, labels and blocks are those of transformers and its scripts, with published tokenizers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message } from '@pemmican/dataset';
import { NOT_PREDICTED, SequenceEncoder, readSequences, type SequenceOptions, type TokenSequence } from '../src/mod.ts';
import { collect, fixture, openTemplate, openTokenizer, recordsOf, skipWithout } from './oracle.ts';

interface Chats {
  readonly conversations: readonly (readonly Message[])[];
  readonly models: Readonly<
    Record<string, { readonly folder: string; readonly ids: readonly (readonly number[] | null)[] }>
  >;
}

interface Masks {
  readonly templates: Readonly<Record<string, string>>;
  readonly cases: readonly {
    readonly model: string;
    readonly template: string;
    readonly conversation: number;
    readonly text: string;
    readonly ids: readonly number[];
    /** By token 1 where it is the assistant's. */
    readonly mask: string;
    /** Whether transformers labels what it does not mean to; see the oracle. */
    readonly isQuirk: boolean;
  }[];
}

const chats = fixture('conversations') as Chats;
const masks = fixture('assistant-masks') as Masks;
// Byte-level BPE, byte-level BPE of composed text, BPE with spaces as marks. Each takes seconds to open.
const MODELS = ['SmolLM2-135M-Instruct', 'llama3', 'qwen3', 'gemma3'] as const;

const PLAIN = { maxLength: 1_000_000, blockSize: 0, skipInvalid: true } as const;

async function sequencesOf(
  folder: string,
  records: Parameters<typeof recordsOf>[0],
  options: Pick<SequenceOptions, 'recordKind'> & Partial<SequenceOptions>,
): Promise<{ sequences: TokenSequence[]; encoder: SequenceEncoder }> {
  const encoder = new SequenceEncoder(openTokenizer(folder), 'data.jsonl', { ...PLAIN, ...options });
  return { sequences: await collect(readSequences(recordsOf(records), encoder, 'data.jsonl')), encoder };
}

for (const model of MODELS) {
  const { folder = '', ids = [] } = chats.models[model] ?? {};
  test(`readSequences gives the token ids of transformers' apply_chat_template: ${model}`, async (context) => {
    const skip = skipWithout(folder);
    if (skip !== false) return context.skip(skip);
    const { sequences, encoder } = await sequencesOf(
      folder,
      chats.conversations.map((messages) => ({ messages })),
      { recordKind: 'messages', chatTemplate: openTemplate(folder) },
    );
    // Of one token nothing is predicted.
    const expected = ids.filter((row) => row !== null && row.length > 1);
    assert.deepEqual(
      sequences.map((sequence) => Array.from(sequence.ids)),
      expected,
    );
    assert.equal(encoder.counts.skippedRecordCount, ids.length - expected.length);
    assert.ok(expected.length >= 60);
  });

  for (const [name, template] of Object.entries(masks.templates)) {
    test(`readSequences labels the tokens of transformers' assistant_masks: ${model}, template ${name}`, async (context) => {
      const skip = skipWithout(folder);
      if (skip !== false) return context.skip(skip);
      const cases = masks.cases.filter((one) => one.model === model && one.template === name);
      const chatTemplate = openTemplate(folder, template);
      let [comparedCount, labelCount] = [0, 0];
      for (const { conversation, text, ids: expectedIds, mask, isQuirk } of cases) {
        const messages = chats.conversations[conversation] ?? [];
        assert.equal(chatTemplate.render(messages), text);
        if (isQuirk) continue;
        const { sequences } = await sequencesOf(folder, [{ messages }, { messages: SAFE }], {
          recordKind: 'messages',
          chatTemplate,
          assistantOnlyLoss: true,
        });
        if (!mask.slice(1).includes('1')) assert.equal(sequences.length, 1, `conversation ${conversation} is left out`);
        else {
          assert.deepEqual(Array.from(sequences[0]!.ids), expectedIds);
          const ours = Array.from(sequences[0]!.labels!, (label) => (label === NOT_PREDICTED ? '0' : '1')).join('');
          assert.equal(ours, mask, `conversation ${conversation}: ${JSON.stringify(text)}`);
          labelCount += mask.split('1').length - 1;
        }
        comparedCount++;
      }
      assert.ok(comparedCount >= 40 && labelCount > 1000, `${comparedCount} conversations, ${labelCount} labels`);
    });
  }
}

/** Something to read where a conversation is left out. */
const SAFE: readonly Message[] = [
  { role: 'user', content: 'a' },
  { role: 'assistant', content: 'b' },
];

test("ChatTemplate.renderWithSpans finds the assistant's part by turns where a template has no generation blocks", async (context) => {
  const { folder = '' } = chats.models['SmolLM2-135M-Instruct'] ?? {};
  const skip = skipWithout(folder);
  if (skip !== false) return context.skip(skip);
  const [own, marked] = [openTemplate(folder), openTemplate(folder, masks.templates['smollm'])];
  assert.deepEqual([own.hasGenerationBlocks, marked.hasGenerationBlocks], [false, true]);
  let spanCount = 0;
  for (const messages of chats.conversations) {
    // At the begin there is nothing to render before it.
    if (messages[0]?.role === 'assistant') continue;
    const expected = marked.renderWithSpans(messages);
    assert.deepEqual(own.renderWithSpans(messages), expected);
    spanCount += expected.assistantSpans.length;
  }
  assert.ok(spanCount > 200);
});

interface Prompt {
  readonly model: string;
  readonly folder: string;
  readonly prompt: string;
  readonly completion: string;
  readonly ids: readonly number[];
  readonly labels: readonly number[];
  readonly isUnlike: boolean;
}

const prompts = Object.groupBy(fixture('prompts') as readonly Prompt[], ({ folder }) => folder);
for (const [folder, cases = []] of Object.entries(prompts)) {
  const model = cases[0]?.model ?? '';
  if (!['gpt2', 'llama2', ...MODELS].includes(model)) continue;
  test(`readSequences labels completions as TRL's SFTTrainer, with transformers' tokens: ${model}`, async (context) => {
    const skip = skipWithout(folder);
    if (skip !== false) return context.skip(skip);
    const { sequences, encoder } = await sequencesOf(folder, cases, { recordKind: 'prompt-and-completion' });
    assert.deepEqual(
      sequences.map(({ ids, labels }) => [Array.from(ids), Array.from(labels ?? [])]),
      cases.map(({ ids, labels }) => [ids, labels]),
    );
    assert.equal(encoder.counts.unlikePromptCount, cases.filter(({ isUnlike }) => isUnlike).length);
    assert.ok(encoder.counts.unlikePromptCount > 0, 'a prompt that ends inside of a token is among them');
  });
}

interface Packing {
  readonly folder: string;
  readonly blockSize: number;
  readonly texts: readonly string[];
  readonly blocks: readonly (readonly number[])[];
  readonly restTokenCount: number;
}

for (const { folder, blockSize, texts, blocks, restTokenCount } of fixture('packing') as readonly Packing[])
  test(`readSequences packs texts as run_clm.py's group_texts: ${folder}, blocks of ${blockSize}`, async (context) => {
    const skip = skipWithout(folder);
    if (skip !== false) return context.skip(skip);
    const records = texts.map((text) => ({ text }));
    const { sequences, encoder } = await sequencesOf(folder, records, { recordKind: 'text', blockSize });
    assert.deepEqual(
      sequences.map(({ ids }) => Array.from(ids)),
      blocks,
    );
    assert.ok(sequences.every(({ labels }) => labels === undefined));
    assert.equal(encoder.counts.restTokenCount, restTokenCount);
  });
