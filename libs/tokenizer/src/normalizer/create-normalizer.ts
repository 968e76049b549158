import type { AlignedText } from '../aligned-text.ts';
import type { Component } from '../component.ts';
import { alignBytes, toByteCharacters } from '../unicode/byte-characters.ts';
import { NORMALIZATION_FORMS, alignForm, normalizeText } from '../unicode/normalization.ts';
import { BertNormalizer } from './bert-normalizer.ts';
import { Lowercase } from './lowercase.ts';
import { Nmt } from './nmt.ts';
import type { Normalizer } from './normalizer.ts';
import { Precompiled } from './precompiled.ts';
import { Replace } from './replace.ts';
import { Strip, StripAccents } from './strip.ts';

const SUPPORTED = [
  'BertNormalizer',
  'ByteLevel',
  'Lowercase',
  ...NORMALIZATION_FORMS,
  'Nmt',
  'Precompiled',
  'Prepend',
  'Replace',
  'Sequence',
  'Strip',
  'StripAccents',
] as const;

/** The normalizer that a component of tokenizer.json describes. */
export function createNormalizer(component: Component): Normalizer {
  const form = NORMALIZATION_FORMS.find((each) => each === component.type);
  if (form !== undefined)
    return { normalize: (text) => normalizeText(text, form), align: (text) => alignForm(text, form) };
  switch (component.type) {
    case 'BertNormalizer':
      return new BertNormalizer(component);
    case 'ByteLevel':
      return { normalize: toByteCharacters, align: alignBytes };
    case 'Lowercase':
      return new Lowercase();
    case 'Nmt':
      return new Nmt();
    case 'Precompiled':
      return new Precompiled(component);
    case 'Prepend': {
      const prefix = component.text('prepend');
      return { normalize: (text) => (text === '' ? '' : prefix + text), align: (text) => text.prepend(prefix) };
    }
    case 'Replace':
      return new Replace(component);
    case 'Strip':
      return new Strip(component);
    case 'StripAccents':
      return new StripAccents();
    case 'Sequence': {
      const parts = component.children('normalizers').map((part) => createNormalizer(part));
      return {
        normalize: (text) => parts.reduce<string>((result, part) => part.normalize(result), text),
        align: (text) => parts.reduce<AlignedText>((result, part) => part.align(result), text),
      };
    }
    default:
      return component.unsupported(`the normalizer ${component.type}`, SUPPORTED);
  }
}
