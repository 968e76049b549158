import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FastCounter, FastEncoder, RecordBlockBuilder, Tokenizer, type FrameOptions } from '../mod.ts';
import { BYTE_CHARACTERS } from '../unicode/byte-characters.ts';
import { compositionClasses, IS_SECOND } from '../unicode/composition-classes.ts';
import { compositionData, normalizeText } from '../unicode/normalization.ts';

// The engine has to give what `Tokenizer.encode` gives, which other tests hold against the reference library.

const MARK = '\u2581';

/** Numbers that look random and are the same each time (mulberry32). */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const open = (json: unknown): Tokenizer => Tokenizer.fromJson(JSON.stringify(json), { fileName: 'engine.json' });
const numbered = (tokens: Iterable<string>): Record<string, number> =>
  Object.fromEntries(Array.from(new Set(tokens), (token, id) => [token, id]));

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, use_regex: true };
const ADDED = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
const TEMPLATE = {
  type: 'TemplateProcessing',
  single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  pair: [
    { SpecialToken: { id: '<s>', type_id: 0 } },
    { Sequence: { id: 'A', type_id: 0 } },
    { Sequence: { id: 'B', type_id: 1 } },
  ],
  special_tokens: { '<s>': { id: '<s>', ids: [9000], tokens: ['<s>'] } },
};

/** Tokenizers of every family, over a few letters. */
const TOKENIZERS: Readonly<Record<string, Tokenizer>> = {
  'byte-level BPE': open({
    added_tokens: [{ id: 9000, content: '<s>', ...ADDED }],
    model: {
      type: 'BPE',
      vocab: numbered([...BYTE_CHARACTERS, 'ab', 'abc', 'Ġa', 'Ġab', 'bc', 'cd', 'abcd']),
      merges: ['a b', 'Ġ a', 'b c', 'ab c', 'Ġ ab', 'c d', 'ab cd'],
    },
    pre_tokenizer: byteLevel,
    post_processor: TEMPLATE,
  }),
  'BPE with bytes for unknown characters': open({
    added_tokens: [{ id: 9000, content: '<s>', ...ADDED }],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: MARK },
        { type: 'Replace', pattern: { String: ' ' }, content: MARK },
      ],
    },
    model: {
      type: 'BPE',
      byte_fallback: true,
      vocab: numbered([
        ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
        ...[MARK, 'a', 'b', 'c', 'd', 'é', 'ab', 'abc', `${MARK}a`, `${MARK}ab`, 'cd', 'éa', 'éab'],
      ]),
      merges: ['a b', `${MARK} a`, 'ab c', `${MARK} ab`, 'c d', 'é a', 'é ab'],
    },
    post_processor: TEMPLATE,
  }),
  WordPiece: open({
    added_tokens: [{ id: 9000, content: '<s>', ...ADDED }],
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      max_input_chars_per_word: 100,
      vocab: numbered(['[UNK]', 'a', 'b', '##b', '##c', 'ab', '##cd', '##a', 'e', '##e', '中', '.', "'"]),
    },
    post_processor: TEMPLATE,
  }),
  Unigram: open({
    added_tokens: [{ id: 9000, content: '<s>', ...ADDED }],
    pre_tokenizer: { type: 'Metaspace', replacement: MARK, prepend_scheme: 'always', split: true },
    model: {
      type: 'Unigram',
      unk_id: 0,
      vocab: [
        ['<unk>', 0],
        [MARK, -3],
        ['a', -3.5],
        ['b', -4],
        ['ab', -5],
        [`${MARK}a`, -4.5],
        ['abc', -6],
        ['é', -7],
        ['cd', -6.25],
        ['c', -7.5],
      ],
    },
    post_processor: TEMPLATE,
  }),
};

const PIECES = [
  'a',
  'b',
  'c',
  'd',
  'ab',
  'abcd',
  ' ',
  '  ',
  ' a',
  'é',
  'e\u0301',
  '中',
  '<s>',
  '<',
  "'",
  '.',
  '\n',
  '9',
  '😀',
];

function randomText(random: (below: number) => number, pieceCount: number): string {
  return Array.from({ length: random(pieceCount + 1) }, () => PIECES[random(PIECES.length)] ?? '').join('');
}

function assertSame(
  tokenizer: Tokenizer,
  texts: readonly (readonly [string, string?])[],
  options: FrameOptions,
  memoBytes: number,
): void {
  const builder = new RecordBlockBuilder();
  for (const [text, pair] of texts) builder.add(text, pair);
  const block = builder.take();
  const encoded = new FastEncoder(tokenizer, { ...options, memoBytes }).encode(block);
  const counter = new FastCounter(tokenizer, { ...options, memoBytes });
  const counted = counter.add(block);
  const counts = new Float64Array(tokenizer.vocabSize);
  let truncatedCount = 0;
  texts.forEach(([text, textPair], record) => {
    const expected = tokenizer.encode(text, { ...options, ...(textPair === undefined ? {} : { textPair }) });
    const found = encoded.ids.subarray(encoded.recordOffsets[record], encoded.recordOffsets[record + 1]);
    assert.deepEqual(Array.from(found), Array.from(expected.ids), JSON.stringify([text, textPair, options]));
    assert.equal(counted.recordLengths[record], expected.ids.length);
    for (const id of expected.ids) counts[id] = (counts[id] ?? 0) + 1;
    truncatedCount += Number(expected.isTruncated);
  });
  assert.equal(
    counted.tokenCount,
    counts.reduce((sum, count) => sum + count, 0),
  );
  assert.equal(counted.truncatedRecordCount, truncatedCount);
  assert.equal(encoded.truncatedRecordCount, truncatedCount);
  const seen = new Uint8Array(tokenizer.vocabSize);
  counter.markSeen(seen);
  assert.deepEqual(
    seen,
    Uint8Array.from(counts, (count) => Number(count > 0)),
  );
  assert.equal(
    counter.distinctTokenCount,
    seen.reduce((sum, flag) => sum + flag, 0),
  );
  assert.deepEqual(counter.takeCounts(), counts);
  assert.deepEqual(counter.takeCounts(), new Float64Array(tokenizer.vocabSize));
}

const FRAMES: readonly FrameOptions[] = [
  {},
  { addSpecialTokens: false },
  { maxLength: 7 },
  { maxLength: 1 },
  { maxLength: 6, truncationSide: 'left' },
];

for (const [name, tokenizer] of Object.entries(TOKENIZERS)) {
  test(`FastEncoder and FastCounter give what Tokenizer.encode gives, whatever is remembered: ${name}`, () => {
    const random = randomOf(name.length);
    const texts = Array.from({ length: 1500 }, (_, index) => [randomText(random, index % 40)] as const);
    // The least memo is emptied every few chunks, the middle one some times, the last one grows several times.
    for (const memoBytes of [1, 20_000, 64e6])
      for (const options of FRAMES) assertSame(tokenizer, texts, options, memoBytes);
  });

  test(`FastEncoder and FastCounter give what Tokenizer.encode gives for pairs: ${name}`, () => {
    const random = randomOf(7);
    const texts = Array.from(
      { length: 400 },
      (_, index) =>
        [randomText(random, index % 12), ...(index % 3 === 0 ? [] : [randomText(random, 9)])] as [string, string?],
    );
    for (const options of FRAMES) assertSame(tokenizer, texts, options, 1e6);
    assertSame(tokenizer, texts, { maxLength: 9, truncationSide: 'left' }, 1e6);
  });

  test(`FastEncoder and FastCounter take chunks and texts of any length: ${name}`, () => {
    // Longer than what the engine merges, than what it tokenizes by itself, and than its list of ids.
    const texts = [511, 512, 513, 4095, 4096, 4097, 70_000].flatMap((length) => [
      ['ab'.repeat(length / 2 + 1).slice(0, length)] as const,
      ['é'.repeat(length)] as const,
      [`${'中'.repeat(length)}<s>${'9'.repeat(length)}`] as const,
    ]);
    for (const options of [{}, { maxLength: 100 }]) assertSame(tokenizer, texts, options, 1e6);
  });
}

test('FastEncoder does not change what it gave before', () => {
  const tokenizer = TOKENIZERS['byte-level BPE']!;
  const encode = (text: string, options: FrameOptions): Uint32Array => {
    const builder = new RecordBlockBuilder();
    builder.add(text);
    return new FastEncoder(tokenizer, options).encode(builder.take()).ids;
  };
  const first = encode('ab abc', {});
  const before = Array.from(first);
  encode('d d d d d d', { addSpecialTokens: false });
  assert.deepEqual(Array.from(first), before);
});

test('FastCounter adds up what it is given in several blocks', () => {
  const tokenizer = TOKENIZERS['WordPiece']!;
  const counter = new FastCounter(tokenizer);
  const builder = new RecordBlockBuilder();
  for (let block = 0; block < 3; block++) {
    builder.add('ab b');
    counter.add(builder.take());
  }
  const { ids } = tokenizer.encode('ab b');
  const counts = counter.takeCounts();
  for (const id of ids) assert.equal(counts[id], 3);
  assert.equal(counter.distinctTokenCount, new Set(ids).size);
});

test('FastCounter.withFrame adds to the counts that it shares, whichever of the counters is asked', () => {
  const tokenizer = TOKENIZERS['byte-level BPE']!;
  const owner = new FastCounter(tokenizer);
  const other = owner.withFrame({ maxLength: 3, truncationSide: 'left' });
  const builder = new RecordBlockBuilder();
  builder.add('abcd dd');
  other.add(builder.take());
  // Cut at its beginning: the ids are written first, and only then those that stay are counted.
  builder.add('dd dd');
  owner.add(builder.take());
  const expected = new Float64Array(tokenizer.vocabSize);
  const { ids: cut } = tokenizer.encode('abcd dd', { maxLength: 3, truncationSide: 'left' });
  for (const id of [...cut, ...tokenizer.encode('dd dd').ids]) expected[id] = (expected[id] ?? 0) + 1;
  assert.equal(owner.distinctTokenCount, expected.filter((count) => count > 0).length);
  assert.deepEqual(owner.takeCounts(), expected);
});

test('compositionClasses never calls text composed that NFC changes', () => {
  const classes = compositionClasses();
  const tokenizer = open({
    normalizer: { type: 'NFC' },
    model: { type: 'BPE', vocab: numbered(BYTE_CHARACTERS), merges: [] },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: {
            Regex: String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
          },
          behavior: 'Isolated',
          invert: false,
        },
        { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      ],
    },
  });
  // Characters that something in NFC depends on, and some that nothing does.
  const special = Array.from(classes.keys()).filter((codePoint) => (classes[codePoint] ?? 0) !== 0);
  const random = randomOf(3);
  const pick = (): string =>
    String.fromCodePoint(random(4) === 0 ? 0x61 + random(26) : (special[random(special.length)] ?? 0x61));
  const texts = Array.from(
    { length: 40_000 },
    () => [pick() + pick() + pick() + (random(2) === 0 ? pick() : '')] as const,
  );
  // A mark of a lower class goes before the mark of a composed character: \u0130 and \u0323 become \u1eca and \u0307.
  const seconds = special.filter((codePoint) => ((classes[codePoint] ?? 0) & IS_SECOND) !== 0);
  const firsts = new Set(
    [...compositionData().composites].flatMap(([pair, composite]) => [Math.floor(pair / 0x110000), composite]),
  );
  for (const first of firsts) for (const second of seconds) texts.push([String.fromCodePoint(first, second)]);
  let changedCount = 0;
  for (const [text] of texts) changedCount += Number(normalizeText(text, 'NFC') !== text);
  assert.ok(changedCount > 5000 && changedCount < texts.length - 10_000, `${changedCount} texts change`);
  assertSame(tokenizer, texts, {}, 1e6);
});
