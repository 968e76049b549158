import { after, embeddingPair, multiplyDimensions, scale, symbol, type Dimension, type Tensor } from '@pemmican/graph';
import { MASKED_SCORE, lengthColumn, lengthRange, paddingScores } from './attention-mask.ts';
import { BATCH, LENGTH, TOKENS, type ForwardContext } from './forward-context.ts';
import { targetRows } from './language-model-head.ts';
import type { ModelOutput } from './model-family.ts';
import { relativePositionScores } from './relative-position.ts';
import type { T5Config } from './t5-config.ts';
import { CROSS_ATTENTION, EMBEDDINGS, OUTPUT, POSITIONS, SELF_ATTENTION, T5Layer, layerPrefix } from './t5-layer.ts';

const TARGET_LENGTH = symbol('targetLength');
const TARGET_TOKENS = multiplyDimensions(BATCH, TARGET_LENGTH);

/** The forward pass from source and target ids to what logits of the target's places are the product of. */
export function t5Output(config: T5Config, context: ForwardContext): ModelOutput {
  const [sources, targets] = embeddings(context);
  const padding = paddingScores(context);
  const encoded = encoder(config, context, sources, padding);
  const decoded = decoder(config, context, targets, encoded, padding);
  // Only the places that predict something pass what follows the layers.
  return { kind: 'vocabulary', ...lastProduct(config, context, targetRows(context, decoded)) };
}

/** What logits over the vocabulary are the product of. */
export function lastProduct(
  config: T5Config,
  context: ForwardContext,
  decoded: Tensor,
): { readonly hidden: Tensor; readonly matrix: Tensor } {
  const last = new T5Layer(config, context, 'decoder', []).norm(decoded, 'final_layer_norm');
  const hidden = context.dropout(last, config.dropout);
  return {
    hidden: config.outputScale === 1 ? hidden : scale(context.builder, hidden, config.outputScale),
    matrix: context.parameter(`${config.isTied ? EMBEDDINGS : OUTPUT}.weight`),
  };
}

/** Rows of the one embedding matrix for source and target, `[tokens, hiddenSize]` and `[targetTokens, hiddenSize]`. */
function embeddings(context: ForwardContext): [Tensor, Tensor] {
  const { inputs } = context;
  if (inputs.decoderInputIds === undefined) throw new TypeError('There are no ids for the decoder to read');
  const matrix = context.parameter(`${EMBEDDINGS}.weight`);
  const sourceIds = context.reshape(inputs.inputIds, [TOKENS]);
  const targetIds = context.reshape(inputs.decoderInputIds, [TARGET_TOKENS]);
  return embeddingPair(context.builder, matrix, [sourceIds, targetIds], symbol('allTokens'));
}

/** @returns `[tokens, hiddenSize]` */
export function encoder(config: T5Config, context: ForwardContext, embedded: Tensor, padding: Tensor): Tensor {
  const positions = positionScores(config, context, 'encoder', LENGTH, true);
  let hidden = context.dropout(embedded, config.dropout);
  for (let layer = 0; layer < config.encoderLayerCount; layer++) {
    const prefix = layerPrefix('encoder', layer);
    const attention = { name: SELF_ATTENTION, keyLength: LENGTH, queryLength: LENGTH, positions, mask: padding };
    hidden = context.layer(hidden, `${prefix}.`, [positions], (x) =>
      new T5Layer(config, context, prefix, [attention]).apply(x),
    );
  }
  const last = new T5Layer(config, context, 'encoder', []).norm(hidden, 'final_layer_norm');
  return context.dropout(last, config.dropout);
}

/** @param encoded `[tokens, hiddenSize]`, the encoder's output */
function decoder(
  config: T5Config,
  context: ForwardContext,
  embedded: Tensor,
  encoded: Tensor,
  padding: Tensor,
): Tensor {
  const positions = positionScores(config, context, 'decoder', TARGET_LENGTH, false);
  const causal = causalScores(context);
  const self = { name: SELF_ATTENTION, queryLength: TARGET_LENGTH, keyLength: TARGET_LENGTH, positions, mask: causal };
  const cross = { name: CROSS_ATTENTION, queryLength: TARGET_LENGTH, keyLength: LENGTH, mask: padding };
  let hidden = context.dropout(embedded, config.dropout);
  for (let layer = 0; layer < config.decoderLayerCount; layer++) {
    const prefix = layerPrefix('decoder', layer);
    hidden = context.layer(hidden, `${prefix}.`, [positions, encoded], (x) =>
      new T5Layer(config, context, prefix, [self, { ...cross, keys: after(context.builder, encoded, x) }]).apply(x),
    );
  }
  return hidden;
}

/** `[1, headCount, length, length]`; only a stack's first layer has the table, and all layers read it. */
function positionScores(
  { bucketCount, maxDistance }: T5Config,
  context: ForwardContext,
  stack: 'encoder' | 'decoder',
  length: Dimension,
  isBidirectional: boolean,
): Tensor {
  const name = positionTable(stack);
  return relativePositionScores(context, name, { bucketCount, maxDistance, isBidirectional }, length);
}

/** The table of scores of relative positions that all layers of a stack read. */
export function positionTable(stack: 'encoder' | 'decoder'): string {
  return `${layerPrefix(stack, 0)}.layer.0.${SELF_ATTENTION}.${POSITIONS}`;
}

/**
 * `[targetLength, targetLength]`: 0 where a token may look, the smallest float for later ones. Padding comes after a target
 * and has no loss, so that it need not be masked.
 */
function causalScores(context: ForwardContext): Tensor {
  const { builder } = context;
  const dtype = builder.floatDtype;
  const square = [TARGET_LENGTH, TARGET_LENGTH];
  const isVisible = builder.add(
    'LessEqual',
    [lengthRange(context, TARGET_LENGTH), lengthColumn(context, TARGET_LENGTH)],
    { T: { kind: 'dtype', value: 'int32' } },
    { dtype: 'bool', shape: square },
  );
  return builder.add(
    'SelectV2',
    [isVisible, builder.constant(0, dtype), builder.constant(MASKED_SCORE, dtype)],
    { T: { kind: 'dtype', value: dtype } },
    { dtype, shape: square },
  );
}
