import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message } from '@pemmican/dataset';
import { SequenceError, type ChatTemplate } from '../src/mod.ts';
import { fixture, openTemplate, skipWithout } from './oracle.ts';

const oracle = fixture('conversations') as {
  readonly conversations: readonly (readonly Message[])[];
  readonly models: Readonly<
    Record<
      string,
      {
        readonly folder: string;
        /** null where transformers or the template refuses the conversation. */
        readonly texts: readonly (string | null)[];
        readonly prompts: readonly (string | null)[];
      }
    >
  >;
};

function rendered(template: ChatTemplate, messages: readonly Message[], addsPrompt: boolean): string | null {
  try {
    return template.render(messages, addsPrompt);
  } catch (error) {
    assert.ok(error instanceof SequenceError && error.code === 'RENDERING_FAILED', String(error));
    return null;
  }
}

for (const [name, { folder, texts, prompts }] of Object.entries(oracle.models)) {
  test(`ChatTemplate.render gives the texts of transformers' apply_chat_template: ${name}`, (context) => {
    const skip = skipWithout(folder);
    if (skip !== false) return context.skip(skip);
    const template = openTemplate(folder);
    for (const [index, messages] of oracle.conversations.entries()) {
      assert.equal(rendered(template, messages, false), texts[index], `conversation ${index}`);
      assert.equal(rendered(template, messages, true), prompts[index], `conversation ${index} with a prompt`);
    }
    // Each model renders most of them, or the test would show little.
    assert.ok(texts.filter((text) => text !== null).length >= 60);
  });
}
