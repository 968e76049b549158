import type { Component } from '../component.ts';
import { BertPreTokenizer, WhitespaceSplit } from './bert-pre-tokenizer.ts';
import { Metaspace } from './metaspace.ts';
import type { PreTokenizer } from './pre-tokenizer.ts';

const SUPPORTED = ['BertPreTokenizer', 'Metaspace', 'Sequence', 'WhitespaceSplit'] as const;

/** The pre-tokenizer that a component of tokenizer.json describes. */
export function createPreTokenizer(component: Component): PreTokenizer {
  switch (component.type) {
    case 'BertPreTokenizer':
      return new BertPreTokenizer();
    case 'Metaspace':
      return new Metaspace(component);
    case 'WhitespaceSplit':
      return new WhitespaceSplit();
    case 'Sequence': {
      const parts = component.children('pretokenizers').map(createPreTokenizer);
      return {
        split: (text, isFirst) =>
          parts.reduce(
            (pieces, part) => pieces.flatMap((piece, index) => part.split(piece, isFirst && index === 0)),
            [text],
          ),
      };
    }
    default:
      return component.unsupported(`the pre-tokenizer ${component.type}`, SUPPORTED);
  }
}
