import type { Component } from '../component.ts';
import { Replace } from '../normalizer/replace.ts';
import { decodeByteTokens } from './byte-fallback.ts';
import { decodeByteLevel } from './byte-level.ts';
import type { Decoder } from './decoder.ts';

const SUPPORTED = ['ByteFallback', 'ByteLevel', 'Fuse', 'Metaspace', 'Replace', 'Sequence', 'Strip'] as const;

/** The decoder that a component of tokenizer.json describes. */
export function createDecoder(component: Component): Decoder {
  switch (component.type) {
    case 'ByteFallback':
      return decodeByteTokens;
    case 'ByteLevel':
      return decodeByteLevel;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Metaspace':
      return metaspace(component);
    case 'Replace': {
      const replace = new Replace(component);
      return (tokens) => tokens.map((token) => replace.normalize(token));
    }
    case 'Strip':
      return strip(component);
    case 'Sequence': {
      const parts = component.children('decoders').map(createDecoder);
      return (tokens) => parts.reduce((decoded, part) => part(decoded), tokens);
    }
    default:
      return component.unsupported(`the decoder ${component.type}`, SUPPORTED);
  }
}

/** Marks become spaces; those of the first token, which the pre-tokenizer put before the text, go. */
function metaspace(component: Component): Decoder {
  const mark = String.fromCodePoint(component.character('replacement'));
  // The reference refuses a file that has another add_prefix_space than its scheme says.
  const scheme = component.get('prepend_scheme') ?? 'always';
  if (scheme !== 'always' && scheme !== 'first' && scheme !== 'never')
    component.fail('prepend_scheme', 'always, first or never');
  const first = scheme === 'never' ? ' ' : '';
  return (tokens) => tokens.map((token, index) => token.replaceAll(mark, index === 0 ? first : ' '));
}

/** Takes up to so many of a character off both ends of each token. */
function strip(component: Component): Decoder {
  const content = String.fromCodePoint(component.character('content'));
  const [start, stop] = [component.count('start'), component.count('stop')];
  return (tokens) =>
    tokens.map((token) => {
      const characters = Array.from(token);
      let first = 0;
      while (first < start && characters[first] === content) first++;
      let end = characters.length;
      while (characters.length - end < stop && end > first && characters[end - 1] === content) end--;
      return characters.slice(first, end).join('');
    });
}
