import { test } from 'node:test';
import { Tokenizer } from '../../mod.ts';
import { BYTE_CHARACTERS, toByteCharacters } from '../../unicode/byte-characters.ts';
import { assertSameIds } from '../../../test/same-ids.ts';

// Every pair with one of these characters merges, so that a piece too long or a cut too many has another id.
const NEIGHBOURS = '1a .\n';

function revealingTokenizer(normalizer: object | null): Tokenizer {
  const vocabulary = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));
  const merges: [string, string][] = [];
  for (const neighbour of toByteCharacters(NEIGHBOURS))
    for (const other of BYTE_CHARACTERS)
      for (const pair of [
        [neighbour, other],
        [other, neighbour],
      ] as [string, string][]) {
        if (vocabulary.has(pair.join(''))) continue;
        vocabulary.set(pair.join(''), vocabulary.size);
        merges.push(pair);
      }
  const pretokenizers = [
    { type: 'Digits', individual_digits: true },
    { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
  ];
  const json = {
    normalizer,
    model: { type: 'BPE', vocab: Object.fromEntries(vocabulary), merges },
    pre_tokenizer: { type: 'Sequence', pretokenizers },
  };
  return Tokenizer.fromJson(JSON.stringify(json), { fileName: 'digits.json' });
}

// All of the first two planes, where scripts and numbers are, and some of the others, which have ideographs and nothing.
const codePoints = Array.from({ length: 0x110000 }, (_, codePoint) => codePoint).filter(
  (codePoint) => (codePoint < 0x20000 || codePoint % 97 === 0) && !(codePoint >= 0xd800 && codePoint < 0xe000),
);
const CODE_POINTS_PER_TEXT = 64;

for (const normalizer of [null, { type: 'NFC' }])
  test(`byteLevelCuts of gpt2-digits cuts beside every code point as the pipeline does, with ${normalizer?.type ?? 'no normalizer'}`, () => {
    const tokenizer = revealingTokenizer(normalizer);
    const texts: string[] = [];
    for (let at = 0; at < codePoints.length; at += CODE_POINTS_PER_TEXT)
      texts.push(
        codePoints
          .slice(at, at + CODE_POINTS_PER_TEXT)
          .map((codePoint) => String.fromCodePoint(codePoint))
          .map((character) => `1${character}1 ${character}a${character}.${character}${character} 1\n`)
          .join(''),
      );
    assertSameIds(tokenizer, texts);
  });
