import type { Component } from '../component.ts';
import { MAX_TYPE_ID } from '../limits.ts';
import { PLAIN_SEQUENCES, type PostProcessor, type TemplatePart } from './post-processor.ts';

const SUPPORTED = ['BertProcessing', 'ByteLevel', 'RobertaProcessing', 'Sequence', 'TemplateProcessing'] as const;

/** The post-processor that a component of tokenizer.json describes. */
export function createPostProcessor(component: Component): PostProcessor {
  switch (component.type) {
    case 'TemplateProcessing':
      return { single: templateParts(component, 'single', 'A'), pair: templateParts(component, 'pair', 'AB') };
    case 'ByteLevel':
      // Moves offsets only.
      return PLAIN_SEQUENCES;
    case 'Sequence':
      return createSequence(component);
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

function createSequence(component: Component): PostProcessor {
  const processors = component.children('processors').map(createPostProcessor);
  const [first = PLAIN_SEQUENCES, second] = processors.filter((each) => each !== PLAIN_SEQUENCES);
  // The reference library gives the second one more sequences than it takes.
  if (second !== undefined) component.unsupported('a Sequence of two post-processors that add tokens', SUPPORTED);
  return first;
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

function templateParts(component: Component, field: 'single' | 'pair', sequences: 'A' | 'AB'): TemplatePart[] {
  const parts = component.children(field).map((part) => templatePart(part, component));
  // Each once: the reference library wants all of them, and a sequence that comes again is not how a model sees a text.
  const found = parts.flatMap((part) => (part.kind === 'sequence' ? [part.sequence] : []));
  return found.sort().join('') === sequences
    ? parts
    : component.fail(field, `each of ${[...sequences].join(', ')} once`);
}

function templatePart(part: Component, template: Component): TemplatePart {
  if (part.get('Sequence') !== undefined) {
    const inner = part.child('Sequence');
    const id = inner.text('id');
    return id === 'A' || id === 'B'
      ? { kind: 'sequence', sequence: id, typeId: typeIdOf(inner) }
      : inner.fail('id', 'A or B');
  }
  const inner = part.child('SpecialToken');
  const token = template.child('special_tokens').child(inner.text('id'));
  const ids = token
    .list('ids')
    .map((id) =>
      typeof id === 'number' && Number.isInteger(id) && id >= 0 ? id : token.fail('ids', 'a list of token ids'),
    );
  return { kind: 'special', ids, typeId: typeIdOf(inner) };
}

function typeIdOf(component: Component): number {
  const typeId = component.count('type_id');
  return typeId <= MAX_TYPE_ID ? typeId : component.fail('type_id', `an integer of at most ${MAX_TYPE_ID}`);
}
