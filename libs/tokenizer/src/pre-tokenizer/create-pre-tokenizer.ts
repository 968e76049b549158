import type { Component } from '../component.ts';
import { BertPreTokenizer } from './bert-pre-tokenizer.ts';
import { ByteLevel } from './byte-level.ts';
import { createCharacterSplit } from './character-splits.ts';
import { FixedLength } from './fixed-length.ts';
import { Metaspace } from './metaspace.ts';
import type { PreTokenizer } from './pre-tokenizer.ts';
import { Split } from './split.ts';
import { UnicodeScripts } from './unicode-scripts.ts';

const SUPPORTED = [
  'BertPreTokenizer',
  'ByteLevel',
  'CharDelimiterSplit',
  'Digits',
  'FixedLength',
  'Metaspace',
  'Punctuation',
  'Sequence',
  'Split',
  'UnicodeScripts',
  'Whitespace',
  'WhitespaceSplit',
] as const;

/** The pre-tokenizer that a component of tokenizer.json describes. */
export function createPreTokenizer(component: Component): PreTokenizer {
  switch (component.type) {
    case 'BertPreTokenizer':
      return new BertPreTokenizer();
    case 'ByteLevel':
      return new ByteLevel(component);
    case 'FixedLength':
      return new FixedLength(component);
    case 'Metaspace':
      return new Metaspace(component);
    case 'Split':
      return new Split(component);
    case 'UnicodeScripts':
      return new UnicodeScripts();
    case 'CharDelimiterSplit':
    case 'Digits':
    case 'Punctuation':
    case 'Whitespace':
    case 'WhitespaceSplit':
      return createCharacterSplit(component);
    case 'Sequence': {
      const parts = component.children('pretokenizers').map(createPreTokenizer);
      return {
        split: (text, isFirst) =>
          parts.reduce(
            (pieces, part) => pieces.flatMap((piece, index) => part.split(piece, isFirst && index === 0)),
            [text],
          ),
        splitAligned: (text, isFirst) =>
          parts.reduce(
            (pieces, part) => pieces.flatMap((piece, index) => part.splitAligned(piece, isFirst && index === 0)),
            [text],
          ),
      };
    }
    default:
      return component.unsupported(`the pre-tokenizer ${component.type}`, SUPPORTED);
  }
}
