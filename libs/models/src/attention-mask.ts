import type { Dimension, Tensor } from '@pemmican/graph';
import { BATCH, LENGTH, TOKENS, type ForwardContext } from './forward-context.ts';

/** What transformers adds to a masked score: the smallest finite float32. */
export const MASKED_SCORE = -3.4028234663852886e38;

/** `[batch, 1, 1, length]`: 0 for tokens, the smallest float for padding. */
export function paddingScores(context: ForwardContext): Tensor {
  const { builder } = context;
  const mask = context.inputs.attentionMask;
  const T = { kind: 'dtype', value: mask.dtype } as const;
  const type = { dtype: mask.dtype, shape: mask.shape };
  const isPadding = builder.add('Sub', [builder.constant(1, mask.dtype), mask], { T }, type);
  const scores = builder.add('Mul', [isPadding, builder.constant(MASKED_SCORE, mask.dtype)], { T }, type);
  return context.reshape(scores, [BATCH, 1, 1, LENGTH]);
}

/** int32 `[length]`: 0, 1, 2, ... */
export function lengthRange(context: ForwardContext, length: Dimension = LENGTH): Tensor {
  const { builder } = context;
  return builder.add(
    'Range',
    [builder.constant(0, 'int32'), context.dimensions.scalar(length), builder.constant(1, 'int32')],
    { Tidx: { kind: 'dtype', value: 'int32' } },
    { dtype: 'int32', shape: [length] },
  );
}

/** int32 `[length, 1]`: 0, 1, 2, ... */
export function lengthColumn(context: ForwardContext, length: Dimension = LENGTH): Tensor {
  const int32 = { kind: 'dtype', value: 'int32' } as const;
  return context.builder.add(
    'ExpandDims',
    [lengthRange(context, length), context.builder.constant(1, 'int32')],
    { T: int32, Tdim: int32 },
    { dtype: 'int32', shape: [length, 1] },
  );
}

/** int32 `[batch, length]`: 0 where a token is `tokenId`, else 1. */
function isOtherThan(context: ForwardContext, tokenId: number): Tensor {
  const { builder } = context;
  const int32 = { kind: 'dtype', value: 'int32' } as const;
  const isOther = builder.add(
    'NotEqual',
    [context.inputs.inputIds, builder.constant(tokenId, 'int32')],
    { T: int32 },
    { dtype: 'bool', shape: [BATCH, LENGTH] },
  );
  return builder.add(
    'Cast',
    [isOther],
    { SrcT: { kind: 'dtype', value: 'bool' }, DstT: int32 },
    { dtype: 'int32', shape: [BATCH, LENGTH] },
  );
}

/** int32 `[tokens]`: 0, 1, 2, ... in each row. */
export function positionIds(context: ForwardContext): Tensor {
  const int32 = { kind: 'dtype', value: 'int32' } as const;
  const rows = context.builder.add(
    'BroadcastTo',
    [lengthRange(context), context.dimensions.vector([BATCH, LENGTH])],
    { T: int32, Tidx: int32 },
    { dtype: 'int32', shape: [BATCH, LENGTH] },
  );
  return context.reshape(rows, [TOKENS]);
}

/** int32 `[tokens]`: 0. */
export function zeroIds(context: ForwardContext): Tensor {
  const int32 = { kind: 'dtype', value: 'int32' } as const;
  return context.builder.add(
    'Fill',
    [context.dimensions.vector([TOKENS]), context.builder.constant(0, 'int32')],
    { T: int32, index_type: int32 },
    { dtype: 'int32', shape: [TOKENS] },
  );
}

/**
 * int32 `[tokens]`: tokens of a row count from `padTokenId + 1`, padding has `padTokenId`, wherever it stands
 * (transformers' create_position_ids_from_input_ids).
 * @param padTokenId the config's, which is in the id space of the matrix
 */
export function paddedPositionIds(context: ForwardContext, padTokenId: number): Tensor {
  const { builder } = context;
  const int32 = { kind: 'dtype', value: 'int32' } as const;
  const type = { dtype: 'int32', shape: [BATCH, LENGTH] } as const;
  const mask = isOtherThan(context, padTokenId);
  const ranks = builder.add('Cumsum', [mask, builder.constant(1, 'int32')], { T: int32, Tidx: int32 }, type);
  const positions = builder.add('Mul', [ranks, mask], { T: int32 }, type);
  const shifted = builder.add('AddV2', [positions, builder.constant(padTokenId, 'int32')], { T: int32 }, type);
  return context.reshape(shifted, [TOKENS]);
}

/**
 * `[batch, 1, length, length]`: 0 where a token may look, the smallest float for later tokens, for padding and for what is
 * `slidingWindow` or more tokens back.
 */
export function causalScores(context: ForwardContext, slidingWindow?: number): Tensor {
  const { builder } = context;
  const int32 = { kind: 'dtype', value: 'int32' } as const;
  const range = lengthRange(context);
  const column = lengthColumn(context);
  const square = [LENGTH, LENGTH];
  const compare = (op: 'LessEqual' | 'Less', a: Tensor, b: Tensor): Tensor =>
    builder.add(op, [a, b], { T: int32 }, { dtype: 'bool', shape: square });
  let isVisible = compare('LessEqual', range, column);
  if (slidingWindow !== undefined) {
    const distance = builder.add('Sub', [column, range], { T: int32 }, { dtype: 'int32', shape: square });
    const isNear = compare('Less', distance, builder.constant(slidingWindow, 'int32'));
    isVisible = builder.add('LogicalAnd', [isVisible, isNear], {}, { dtype: 'bool', shape: square });
  }
  const padding = paddingScores(context);
  const T = { kind: 'dtype', value: padding.dtype } as const;
  const causal = builder.add(
    'SelectV2',
    [isVisible, builder.constant(0, padding.dtype), builder.constant(MASKED_SCORE, padding.dtype)],
    { T },
    { dtype: padding.dtype, shape: square },
  );
  return builder.add('Minimum', [padding, causal], { T }, { dtype: padding.dtype, shape: [BATCH, 1, LENGTH, LENGTH] });
}

/**
 * int32 `[batch]`: where each row's last token that is not padding stands in `[tokens]`.
 * @param padTokenId the config's; without one only the attention mask says what is padding
 */
export function lastTokenIndices(context: ForwardContext, padTokenId: number | undefined): Tensor {
  const { builder, inputs } = context;
  const T = { kind: 'dtype', value: 'int32' } as const;
  const matrix = { dtype: 'int32', shape: [BATCH, LENGTH] } as const;
  const mask = inputs.attentionMask;
  let isToken = builder.add('Cast', [mask], { SrcT: { kind: 'dtype', value: mask.dtype }, DstT: T }, matrix);
  if (padTokenId !== undefined)
    isToken = builder.add('Mul', [isToken, isOtherThan(context, padTokenId)], { T }, matrix);
  const candidates = builder.add('Mul', [isToken, lengthRange(context)], { T }, matrix);
  const last = builder.add(
    'Max',
    [candidates, builder.constant([1], 'int32')],
    { T, Tidx: T, keep_dims: { kind: 'bool', value: false } },
    { dtype: 'int32', shape: [BATCH] },
  );
  const rows = builder.add(
    'Range',
    [builder.constant(0, 'int32'), context.dimensions.scalar(TOKENS), context.dimensions.scalar(LENGTH)],
    { Tidx: T },
    { dtype: 'int32', shape: [BATCH] },
  );
  return builder.add('AddV2', [rows, last], { T }, { dtype: 'int32', shape: [BATCH] });
}
