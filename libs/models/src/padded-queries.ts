import { addConstant, multiplyConstant, type Tensor } from '@pemmican/graph';
import { MASKED_SCORE } from './attention-mask.ts';
import { BATCH, LENGTH, TOKENS, type ForwardContext } from './forward-context.ts';

/*
 * DeBERTa gives padding no embedding and lets it attend to every token alike. That is seen where padding has logits of its own,
 * which is in question answering: the loss compares an answer's token with all of a row.
 */

/** `[tokens, hiddenSize]` with zeros for padding. */
export function withoutPadding(context: ForwardContext, x: Tensor): Tensor {
  return multiplyConstant(context.builder, x, context.reshape(context.inputs.attentionMask, [TOKENS, 1]));
}

/** What keeps padding out of attention, and from attending. */
export interface PaddedQueries {
  /** `[1, batch, length, 1]`: 1 for tokens, 0 for padding. */
  readonly queries: Tensor;
  /** `[1, batch, length, length]`: 0 where a token attends to a token, else the smallest float. */
  readonly scores: Tensor;
}

export function paddedQueries(context: ForwardContext): PaddedQueries {
  const { builder } = context;
  const queries = context.reshape(context.inputs.attentionMask, [1, BATCH, LENGTH, 1]);
  const keys = context.reshape(context.inputs.attentionMask, [1, BATCH, 1, LENGTH]);
  const T = { kind: 'dtype', value: keys.dtype } as const;
  const type = { dtype: keys.dtype, shape: [1, BATCH, LENGTH, LENGTH] };
  const both = builder.add('Mul', [queries, keys], { T }, type);
  const isMasked = builder.add('Sub', [builder.constant(1, keys.dtype), both], { T }, type);
  const scores = builder.add('Mul', [isMasked, builder.constant(MASKED_SCORE, keys.dtype)], { T }, type);
  return { queries, scores };
}

/**
 * Scores of which those of padding are all the same, without a gradient.
 * @param scores `[headCount, batch, length, length]`
 */
export function maskQueries(context: ForwardContext, scores: Tensor, padded: PaddedQueries): Tensor {
  const ofTokens = multiplyConstant(context.builder, scores, padded.queries);
  return addConstant(context.builder, ofTokens, padded.scores);
}
