import assert from 'node:assert/strict';
import { test } from 'node:test';
import { say } from '../test/oracle.ts';
import { ChatTemplate } from './chat-template.ts';
import type { SequenceErrorCode } from './error.ts';
import { findChatTemplate, type ChatTemplateFiles } from './find-chat-template.ts';
import { MAX_TEMPLATE_CHARACTERS } from './limits.ts';

const open = (source: string): ChatTemplate =>
  new ChatTemplate(source, { fileName: 'template', specialTokens: { bos_token: '<s>' } });
const HELLO = say(['user', 'Hello']);
const render = (source: string, messages = HELLO): string => open(source).render(messages);

function fails(work: () => unknown, code: SequenceErrorCode, message: RegExp): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof Error && 'code' in error, String(error));
    assert.equal(error.name, 'SequenceError');
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

test('findChatTemplate takes the template that was given, then chat_template.jinja, then tokenizer_config.json', () => {
  const config = { chat_template: 'config {{ bos_token }}', bos_token: { content: '<s>', lstrip: false } };
  const text = (files: Partial<ChatTemplateFiles>): string =>
    findChatTemplate({ folderName: 'model', ...files }).render(HELLO);
  assert.equal(text({ given: 'given', jinja: 'jinja', config }), 'given');
  assert.equal(text({ jinja: 'jinja {{ bos_token }}', config }), 'jinja <s>');
  assert.equal(text({ config }), 'config <s>');
  const named = [
    { name: 'rag', template: 'rag' },
    { name: 'default', template: 'default' },
  ];
  assert.equal(text({ config: { chat_template: named } }), 'default');
});

test('findChatTemplate says where it looked when there is no template', () => {
  const find = (config: unknown) => () => findChatTemplate({ folderName: '/model', config });
  fails(find({}), 'TEMPLATE_MISSING', /^\/model: there is no chat template, neither chat_template.jinja nor/);
  fails(find(undefined), 'TEMPLATE_MISSING', /^\/model: there is no chat template/);
  const named = [{ name: 'rag', template: 'x' }];
  fails(
    find({ chat_template: named }),
    'TEMPLATE_MISSING',
    /^\/model\/tokenizer_config.json: .*"default"; there is "rag"/,
  );
});

test('ChatTemplate refuses a template that is too large or cannot be read', () => {
  const large = 'x'.repeat(MAX_TEMPLATE_CHARACTERS + 1);
  fails(() => open(large), 'TEMPLATE_TOO_LARGE', /^template: .* 131073 characters, the limit is 131072$/);
  assert.equal(render('x'.repeat(MAX_TEMPLATE_CHARACTERS)).length, MAX_TEMPLATE_CHARACTERS);
  for (const source of ['{% for %}', '{{ messages', '{% if x %}', '{% endfor %}', `${'{% if true %}'.repeat(9000)}`])
    fails(() => open(source), 'INVALID_TEMPLATE', /^template: the chat template cannot be read: ./);
});

test('ChatTemplate.render tells what the template raises', () => {
  fails(() => render("{{ raise_exception('Roles must alternate') }}"), 'RENDERING_FAILED', /^Roles must alternate$/);
  fails(() => render('{{ nothing.field + 1 }}'), 'RENDERING_FAILED', /undefined/);
  fails(() => render('{{ range(200000) }}'), 'RENDERING_FAILED', /more than 100000 numbers/);
  fails(() => render('{{ range(0, 5, 0) }}'), 'RENDERING_FAILED', /more than 100000 numbers/);
});

test('ChatTemplate.render stops a template that does not end or whose text grows on', { timeout: 120_000 }, () => {
  const nested = (body: string): string =>
    `{% for i in range(100000) %}{% for j in range(100000) %}${body}{% endfor %}{% endfor %}`;
  for (const source of [nested(''), nested('x'), nested('{% if i > 5 and false %}{% endif %}')])
    fails(() => render(source), 'RENDERING_TOO_LARGE', /^template: a conversation takes more than 2000000 steps/);
  const doubled =
    '{% set n = namespace(x="aa") %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}';
  fails(() => render(doubled), 'RENDERING_TOO_LARGE', /^template: a conversation makes more than 134217728 characters/);
});

test('ChatTemplate.render strips as Python does: by its white space, and by characters', () => {
  const strip = (expression: string, content: string): string =>
    render(`[{{ ${expression} }}]`, say(['user', content]));
  const content = 'messages[0].content';
  // What `' \x1c\x85\ufeff x'.strip()` and its like are in Python 3.
  assert.equal(strip(`${content}.strip()`, ' \u001c\u0085\ufeff x \u001f'), '[\ufeff x]');
  assert.equal(strip(`${content} | trim`, ' \u001c\u0085\ufeff x \u001f'), '[\ufeff x]');
  assert.equal(strip(`${content}.lstrip('\\n')`, '\n\n a\n'), '[ a\n]');
  assert.equal(strip(`${content}.rstrip('\\n x')`, '\n a x\n'), '[\n a]');
  assert.equal(strip(`${content} | trim('ab')`, 'abcba'), '[c]');
  assert.equal(strip(`${content}.split() | join('|')`, ' a\u0085b\ufeff c '), '[a|b\ufeff|c]');
  assert.equal(strip(`${content}.split('</think>')[-1].lstrip('\\n')`, 'x</think>\n\n y'), '[ y]');
});

const TURNS =
  '{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}';

test('ChatTemplate.renderWithSpans gives what each message of the assistant adds, in a template without generation blocks', () => {
  const { text, assistantSpans } = open(TURNS).renderWithSpans(
    say(['user', 'a'], ['assistant', 'bc'], ['user', 'd'], ['assistant', '']),
  );
  assert.equal(text, '<user>a</><assistant>bc</><user>d</><assistant></>');
  assert.deepEqual(
    assistantSpans.map(([start, end]) => text.slice(start, end)),
    ['bc</>', '</>'],
  );
});

test('ChatTemplate.renderWithSpans refuses a template of which it cannot tell what the assistant says', () => {
  const turns = say(['user', 'a'], ['assistant', 'b'], ['user', 'c'], ['assistant', 'd']);
  const unheeded = '{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>';
  const atEnd = `{% for m in messages %}<{{ m.role }}>{% if loop.last %}<think></think>{% endif %}{{ m.content }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}`;
  for (const source of [unheeded, atEnd])
    fails(
      () => open(source).renderWithSpans(turns),
      'ASSISTANT_TOKENS_UNKNOWN',
      /^template: .*no \{% generation %\} blocks, and what message 2 of 4 adds .* give a template with \{% generation %\}/,
    );
  const captured = '{% set x %}{% generation %}a{% endgeneration %}{% endset %}{{ x | length }}';
  fails(() => open(captured).renderWithSpans(turns), 'ASSISTANT_TOKENS_UNKNOWN', /something else with what stands in/);
  // Rendering alone needs no such thing.
  assert.equal(open(captured).render(turns), '1');
});
