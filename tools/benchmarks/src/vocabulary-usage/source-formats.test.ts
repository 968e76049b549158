import assert from 'node:assert/strict';
import { test } from 'node:test';
import { glosses, mail, problems, taggedSentences, utterances, verses } from './source-formats.ts';

test('glosses leaves the licence out and takes the number of the lexicographer file', () => {
  const text =
    '  1 This software and database is being provided | to you\n' +
    '00001740 03 n 01 entity 0 003 ~ 00001930 n 0000 | that which is perceived  \n';
  assert.deepEqual([...glosses(text)], [{ text: 'that which is perceived', label: '03' }]);
});

test('mail takes the header off, and gives nothing for a mail without a body', () => {
  assert.deepEqual(mail(JSON.stringify({ text: 'From x\nSubject: y\n\nHello\n\nyou\n' }), 'spam'), {
    text: 'Hello\n\nyou',
    label: 'spam',
  });
  assert.equal(mail(JSON.stringify({ text: 'From x\nSubject: y\n\n\n' }), 'spam'), undefined);
});

test('taggedSentences splits at the last slash of a word', () => {
  assert.deepEqual(
    [...taggedSentences('\n\n\tThe/at 1/2/cd jury/nn ./.\n')],
    [{ tokens: ['The', '1/2', 'jury', '.'], ner_tags: ['at', 'cd', 'nn', '.'] }],
  );
});

test('utterances joins lines that go on, and leaves out those whose tags are fewer than the words', () => {
  const text =
    '@Begin\n*XXA:\t你 好 ?\n%mor:\tr|nei5 a|hou2\n\t?\n*XXB:\t係 啊 .\n%mor:\td|hai6 y|aa3\n*XXB:\t噉\n%mor:\tc|gam2\n@End\n';
  assert.deepEqual(
    [...utterances(text)],
    [
      { tokens: ['你', '好', '?'], ner_tags: ['r', 'a', '?'] },
      { tokens: ['噉'], ner_tags: ['c'] },
    ],
  );
});

test('verses pairs a translation with the original', () => {
  const json = JSON.stringify([{ id: 1, verses: [{ id: 1, text: 'أ', translation: 'a' }] }]);
  assert.deepEqual([...verses(json, 'fr')], [{ text: 'a', text_pair: 'أ', label: 'fr' }]);
});

test('problems pairs a prompt with its solution', () => {
  const line = JSON.stringify({ task_id: 'x/0', prompt: 'def f():', canonical_solution: '  pass', entry_point: 'f' });
  assert.deepEqual([...problems(`${line}\n`)], [{ text: 'def f():', text_pair: '  pass', label: 'f' }]);
});
