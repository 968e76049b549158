import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitAt } from '../../src/pre-tokenizer/split-behavior.ts';
import { Expression } from '../../src/regex/expression.ts';

// Symptom: "⅓¼" fell in two pieces. Oniguruma's \w has Latin-1's fractions and superscripts, but not inside of brackets.
test('Expression splits fractions as the reference does, whose \\w in brackets is another set', () => {
  const split = (pattern: string, text: string): string[] =>
    splitAt(text, new Expression(pattern).find(text), 'Isolated');
  // tokenizers 0.23.3: Split(Regex(pattern), "isolated").pre_tokenize_str(text)
  assert.deepEqual(split(String.raw`\w+|[^\w\s]+`, '½⅓¼'), ['½', '⅓¼']);
  assert.deepEqual(split(String.raw`[\w]+`, 'a²b'), ['a', '²', 'b']);
  assert.deepEqual(split(String.raw`\w+`, 'a²b!'), ['a²b', '!']);
});
