import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { runCommand } from '../run-command.ts';
import type { TokenizerSource } from './asset-list.ts';
import { restoreBertVocabulary } from './bert-vocabulary.ts';
import { makeTokenizer } from './make.ts';

let scratch = '';
const previous = process.env['PEMMICAN_CACHE_DIR'];
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'pemmican-tokenizers-'));
  process.env['PEMMICAN_CACHE_DIR'] = path.join(scratch, 'cache');
});
after(async () => {
  if (previous === undefined) delete process.env['PEMMICAN_CACHE_DIR'];
  else process.env['PEMMICAN_CACHE_DIR'] = previous;
  await rm(scratch, { recursive: true });
});

/** Makes a tokenizer out of a package with the given files. */
async function makeFrom(layout: TokenizerSource['layout'], files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(path.join(scratch, 'npm-'));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.join(root, 'package', path.dirname(name)), { recursive: true });
    await writeFile(path.join(root, 'package', name), content);
  }
  const tgz = path.join(root, 'thing.tgz');
  assert.equal((await runCommand('tar', ['-czf', tgz, '-C', root, 'package'])).code, 0);
  const bytes = await readFile(tgz);
  const digest = createHash('sha256').update(bytes).digest('hex');
  const tarball = { package: '@scope/thing', version: '1.0.0', digest, sizeBytes: bytes.length };
  const folder = path.join(root, 'made');
  await mkdir(folder);
  const fetchTarball = (_: unknown, into: string): Promise<void> => copyFile(tgz, path.join(into, 'thing.tgz'));
  await makeTokenizer({ kind: 'tokenizer', tarball, layout }, folder, { fetchTarball });
  assert.deepEqual((await readdir(folder)).sort(), ['tokenizer.json', 'tokenizer_config.json']);
  return readFile(path.join(folder, 'tokenizer.json'), 'utf8');
}

test('makeTokenizer takes the two files of a Hugging Face layout and nothing else', async () => {
  const files = { 'models/tokenizer.json': '{"a":1}', 'models/tokenizer_config.json': '{}', 'dist/main.js': 'x' };
  assert.equal(await makeFrom('hugging-face', files), '{"a":1}');
});

test('makeTokenizer says which file a package lacks', async () => {
  await assert.rejects(makeFrom('hugging-face', { 'models/tokenizer.json': '{}' }), {
    code: 'MALFORMED',
    message: /^scope-thing-1\.0\.0-[0-9a-f]+\.tgz: no models\/tokenizer_config\.json/,
  });
});

test("makeTokenizer restores BERT's continuation marks and special ids", async () => {
  const vocab = JSON.stringify(['[PAD]', '<unk>', '[UNK]', '[CLS]', '[SEP]', '[MASK]', '\u2581cat', 's', '\u2581']);
  const made = JSON.parse(await makeFrom('bert-vocabulary', { 'assets/vocab.json': vocab })) as {
    model: { vocab: Record<string, number> };
    post_processor: { special_tokens: Record<string, { ids: number[] }> };
  };
  assert.deepEqual(made.model.vocab, {
    '[PAD]': 0,
    '[unused0]': 1,
    '[UNK]': 2,
    '[CLS]': 3,
    '[SEP]': 4,
    '[MASK]': 5,
    cat: 6,
    '##s': 7,
    '##\u2581': 8,
  });
  assert.deepEqual(made.post_processor.special_tokens['[SEP]']!.ids, [4]);
});

test('makeTokenizer keeps the order of GPT-2 merges', async () => {
  const files = { 'encoder.json': '{"a":0,"b":1,"ab":2,"<|endoftext|>":3}', 'vocab.bpe': '#version: 0.2\na b\n' };
  const made = JSON.parse(await makeFrom('gpt2-vocabulary', files)) as {
    model: { merges: string[] };
    added_tokens: { id: number }[];
  };
  assert.deepEqual(made.model.merges, ['a b']);
  assert.equal(made.added_tokens[0]!.id, 3);
});

test('restoreBertVocabulary refuses what is not that list', () => {
  assert.throws(() => restoreBertVocabulary({}), { code: 'MALFORMED' });
  assert.throws(() => restoreBertVocabulary(['[PAD]', 'x', 'a', 'a']), {
    code: 'MALFORMED',
    message: /1 tokens twice/,
  });
});
