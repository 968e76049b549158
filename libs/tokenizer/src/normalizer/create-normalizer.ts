import type { Component } from '../component.ts';
import { BertNormalizer } from './bert-normalizer.ts';
import { Lowercase } from './lowercase.ts';
import type { Normalizer } from './normalizer.ts';
import { Precompiled } from './precompiled.ts';
import { Replace } from './replace.ts';

const SUPPORTED = ['BertNormalizer', 'Lowercase', 'Precompiled', 'Replace', 'Sequence'] as const;

/** The normalizer that a component of tokenizer.json describes. */
export function createNormalizer(component: Component): Normalizer {
  switch (component.type) {
    case 'BertNormalizer':
      return new BertNormalizer(component);
    case 'Lowercase':
      return new Lowercase();
    case 'Precompiled':
      return new Precompiled(component);
    case 'Replace':
      return new Replace(component);
    case 'Sequence': {
      const parts = component.children('normalizers').map((part) => createNormalizer(part));
      return { normalize: (text) => parts.reduce<string>((result, part) => part.normalize(result), text) };
    }
    default:
      return component.unsupported(`the normalizer ${component.type}`, SUPPORTED);
  }
}
