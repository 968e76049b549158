import type { Component } from '../component.ts';
import type { PostProcessor, TemplatePart } from './post-processor.ts';

const SUPPORTED = ['BertProcessing', 'RobertaProcessing', 'TemplateProcessing'] as const;

/** The post-processor that a component of tokenizer.json describes. */
export function createPostProcessor(component: Component): PostProcessor {
  switch (component.type) {
    case 'TemplateProcessing':
      return { single: templateParts(component, 'single'), pair: templateParts(component, 'pair') };
    case 'BertProcessing': {
      const [cls, sep] = [tokenId(component, 'cls'), tokenId(component, 'sep')];
      return bertTemplate(cls, sep);
    }
    case 'RobertaProcessing': {
      const [cls, sep] = [special(tokenId(component, 'cls')), special(tokenId(component, 'sep'))];
      const [a, b] = [sequence('A', 0), sequence('B', 0)];
      return { single: [cls, a, sep], pair: [cls, a, sep, sep, b, sep] };
    }
    default:
      return component.unsupported(`the post-processor ${component.type}`, SUPPORTED);
  }
}

/** `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`. */
export function bertTemplate(clsId: number, sepId: number): PostProcessor {
  const [cls, sep, a] = [special(clsId), special(sepId), sequence('A', 0)];
  return { single: [cls, a, sep], pair: [cls, a, sep, sequence('B', 1), special(sepId, 1)] };
}

function special(id: number, typeId = 0): TemplatePart {
  return { kind: 'special', ids: [id], typeId };
}

function sequence(name: 'A' | 'B', typeId: number): TemplatePart {
  return { kind: 'sequence', sequence: name, typeId };
}

function tokenId(component: Component, field: string): number {
  const value = component.get(field);
  const id: unknown = Array.isArray(value) ? value[1] : undefined;
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 ? id : component.fail(field, 'a token and its id');
}

function templateParts(component: Component, field: 'single' | 'pair'): TemplatePart[] {
  const specialTokens = component.child('special_tokens');
  return component.children(field).map((part): TemplatePart => {
    if (part.get('Sequence') !== undefined) {
      const inner = part.child('Sequence');
      const id = inner.text('id');
      return id === 'A' || id === 'B'
        ? { kind: 'sequence', sequence: id, typeId: inner.count('type_id') }
        : inner.fail('id', 'A or B');
    }
    const inner = part.child('SpecialToken');
    const token = specialTokens.child(inner.text('id'));
    const ids = token
      .list('ids')
      .map((id) =>
        typeof id === 'number' && Number.isInteger(id) && id >= 0 ? id : token.fail('ids', 'a list of token ids'),
      );
    return { kind: 'special', ids, typeId: inner.count('type_id') };
  });
}
