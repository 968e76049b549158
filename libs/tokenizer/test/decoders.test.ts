import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { Tokenizer, TokenizerError } from '../src/mod.ts';

/** What tokenizers 0.23.3 and transformers 5.23 give (tools/oracles/src/tokenizer/decoder_cases.py). */
interface Fixture {
  readonly lists: readonly (readonly number[])[];
  readonly cases: readonly {
    readonly tokenizer: { readonly decoder: unknown };
    readonly whole: readonly string[];
    readonly plain: readonly string[];
    readonly cleaned: readonly string[];
  }[];
}

const { lists, cases } = JSON.parse(
  gunzipSync(readFileSync(path.resolve(import.meta.dirname, '../fixtures/decoders.json.gz'))).toString(),
) as Fixture;

assert.ok(lists.length > 300 && cases.length > 12);

for (const { tokenizer: json, whole, plain, cleaned } of cases) {
  test(`decode makes of ${lists.length} lists of ids what the reference does: ${JSON.stringify(json.decoder)}`, () => {
    const open = (config: object): Tokenizer =>
      Tokenizer.fromJson(JSON.stringify(json), { fileName: 't.json', config });
    const [tokenizer, cleaning] = [open({}), open({ clean_up_tokenization_spaces: true })];
    lists.forEach((ids, index) => {
      const where = JSON.stringify(ids);
      assert.equal(tokenizer.decode(ids), whole[index], where);
      assert.equal(
        tokenizer.decode(ids, { skipSpecialTokens: true }),
        plain[index],
        `${where}, without special tokens`,
      );
      assert.equal(cleaning.decode(ids, { skipSpecialTokens: true }), cleaned[index], `${where}, cleaned up`);
    });
  });
}

/** The first case's tokenizer with another decoder. */
function withDecoder(decoder: unknown): Tokenizer {
  return Tokenizer.fromJson(JSON.stringify({ ...cases[0]!.tokenizer, decoder }), { fileName: 't.json' });
}

test('decode refuses a decoder that it does not know by its name, and encoding does not need one', () => {
  const tokenizer = withDecoder({ type: 'CTC', pad_token: '<pad>', word_delimiter_token: '|', cleanup: true });
  assert.deepEqual([...tokenizer.encode('ing').ids], [tokenizer.tokenToId('ing')]);
  assert.throws(
    () => tokenizer.decode([1]),
    (error) =>
      error instanceof TokenizerError &&
      error.code === 'UNSUPPORTED_COMPONENT' &&
      error.message ===
        't.json.decoder: the decoder CTC is not supported; supported are ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip',
  );
  const inner = withDecoder({ type: 'Sequence', decoders: [{ type: 'Fuse' }, { type: 'WordPiece' }] });
  assert.throws(() => inner.decode([1]), /t\.json\.decoder\.decoders\[1\]: the decoder WordPiece is not supported/);
});

const MALFORMED: readonly (readonly [decoder: unknown, message: RegExp])[] = [
  ['Fuse', /t\.json\.decoder is not an object/],
  [{ type: 7 }, /t\.json\.decoder: type is 7, expected a string/],
  [{ type: 'Metaspace', replacement: '' }, /replacement is "", expected one character/],
  [{ type: 'Metaspace', replacement: '▁▁' }, /replacement is "▁▁", expected one character/],
  [{ type: 'Metaspace', replacement: '▁', prepend_scheme: 'last' }, /prepend_scheme is "last", expected always, first or never/],
  [{ type: 'Strip', content: ' ', start: -1, stop: 0 }, /start is -1, expected an integer of at least 0/],
  [{ type: 'Sequence', decoders: {} }, /decoders is \{\}, expected a list/],
  [{ type: 'Replace', pattern: { String: 'a' } }, /content is missing, expected a string/],
]; // prettier-ignore
for (const [decoder, message] of MALFORMED)
  test(`decode refuses a decoder that is malformed: ${JSON.stringify(decoder)}`, () => {
    assert.throws(() => withDecoder(decoder).decode([1]), message);
  });
