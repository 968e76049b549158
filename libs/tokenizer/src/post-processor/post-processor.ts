/** One part of a template: a special token or one of the two sequences. */
export type TemplatePart =
  | { readonly kind: 'special'; readonly ids: readonly number[]; readonly typeId: number }
  | { readonly kind: 'sequence'; readonly sequence: 'A' | 'B'; readonly typeId: number };

/** Puts special tokens around one or two sequences. */
export interface PostProcessor {
  readonly single: readonly TemplatePart[];
  readonly pair: readonly TemplatePart[];
}

/** Sequences as they are, without a post-processor or with one that only moves offsets. */
export const PLAIN_SEQUENCES: PostProcessor = {
  single: [{ kind: 'sequence', sequence: 'A', typeId: 0 }],
  pair: [
    { kind: 'sequence', sequence: 'A', typeId: 0 },
    { kind: 'sequence', sequence: 'B', typeId: 1 },
  ],
};

/** The sequences with the type ids of their template, which hold without special tokens too. */
export function withoutSpecialTokens({ single, pair }: PostProcessor): PostProcessor {
  const isSequence = (part: TemplatePart): boolean => part.kind === 'sequence';
  return { single: single.filter(isSequence), pair: pair.filter(isSequence) };
}

/** Special tokens that a template adds. */
export function addedTokenCount(parts: readonly TemplatePart[]): number {
  return parts.reduce((sum, part) => sum + (part.kind === 'special' ? part.ids.length : 0), 0);
}
