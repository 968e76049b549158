import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BERT_CUTS, BERT_CUTS_WITHOUT_IDEOGRAPHS } from './bert/bert-cuts.ts';
import { byteLevelCuts } from './bpe/byte-level-cuts.ts';
import { SPLIT_FAMILIES } from './bpe/split-patterns.ts';
import { NO_CUTS, PAIR_COUNT } from './cut-rule.ts';
import { transposed, uncutBytes, type UncutBytes } from './uncut-bytes.ts';

const RULES = {
  ...Object.fromEntries(SPLIT_FAMILIES.map((family) => [family, byteLevelCuts(family, false, false)])),
  bert: BERT_CUTS,
  'bert without ideographs': BERT_CUTS_WITHOUT_IDEOGRAPHS,
  none: NO_CUTS,
};

/** As the engine looks a byte up. */
function isUncut({ lowHalves, hasHighBytes }: UncutBytes, byte: number): boolean {
  return byte >= 0x80 ? hasHighBytes : ((lowHalves[byte & 0x0f] ?? 0) & (1 << (byte >> 4))) !== 0;
}

for (const [name, { table }] of Object.entries(RULES)) {
  test(`uncutBytes of ${name} has no two bytes that are cut apart, and all letters`, () => {
    const uncut = uncutBytes(table);
    const bytes = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => isUncut(uncut, byte));
    for (const first of bytes) for (const second of bytes) assert.equal(table[(first << 8) | second], 0);
    for (const letter of 'azAZ') assert.ok(isUncut(uncut, letter.charCodeAt(0)), letter);
    assert.ok(name === 'none' || !isUncut(uncut, 0x20));
  });
}

test('uncutBytes takes bytes from 0x80 on where none of them is cut from a letter', () => {
  assert.equal(uncutBytes(byteLevelCuts('gpt2', false, false).table).hasHighBytes, true);
  // Before an ideograph there is a cut.
  assert.equal(uncutBytes(BERT_CUTS.table).hasHighBytes, false);
});

test('uncutBytes is empty where every two bytes are cut apart', () => {
  assert.deepEqual(uncutBytes(new Uint8Array(PAIR_COUNT).fill(1)), {
    lowHalves: new Uint8Array(16),
    hasHighBytes: false,
  });
});

test('transposed gives a cut for two bytes as they are read from memory', () => {
  const table = new Uint8Array(PAIR_COUNT);
  table[(0x61 << 8) | 0x20] = 7;
  const [pair = 0] = new Uint16Array(Uint8Array.of(0x61, 0x20).buffer);
  assert.equal(transposed(table)[pair], 7);
});
