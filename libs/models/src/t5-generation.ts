import { concat, symbol, type Tensor } from '@pemmican/graph';
import { paddingScores } from './attention-mask.ts';
import { BATCH, LENGTH, TOKENS, type ForwardContext } from './forward-context.ts';
import type { GenerationState, GenerationStep, WrittenToken } from './generation.ts';
import { distanceScores } from './relative-position.ts';
import type { T5Config } from './t5-config.ts';
import { CROSS_ATTENTION, EMBEDDINGS, SELF_ATTENTION, T5Layer, layerPrefix, type KeysAndValues } from './t5-layer.ts';
import { encoder, lastProduct, positionTable } from './t5-stacks.ts';

const PAST_LENGTH = symbol('pastLength');
// Of the token that is read and of those before it.
const READ_LENGTH = symbol('readLength');

// A decoder's layer looks at itself first, and at the sources then.
const CROSS_NAME = `layer.1.${CROSS_ATTENTION}`;

/** The encoder's pass, and what every layer of the decoder makes of it: keys and values. */
export function beginT5(config: T5Config, context: ForwardContext): GenerationState {
  const ids = context.reshape(context.inputs.inputIds, [TOKENS]);
  const padding = paddingScores(context);
  const encoded = encoder(config, context, context.embedding(EMBEDDINGS, ids), padding);
  const fixed = decoderLayers(config, context).flatMap((layer) => {
    const { keys, values } = layer.keysAndValues(encoded, CROSS_NAME, LENGTH);
    return [keys, values];
  });
  const nothing = emptyPast(config, context);
  const past = Array.from({ length: 2 * config.decoderLayerCount }, () => nothing);
  return { fixed: [padding, ...fixed], past };
}

/** One token of each row through the decoder. */
export function stepT5(config: T5Config, context: ForwardContext, step: GenerationStep): WrittenToken {
  const { maxDistance, bucketCount } = config;
  const { tokenIds, distances, state } = step;
  const { builder } = context;
  const buckets = { bucketCount, maxDistance, isBidirectional: false };
  const row = context.reshape(distances, [1, READ_LENGTH]);
  const positions = distanceScores(context, positionTable('decoder'), buckets, row);
  const [mask, ...sources] = state.fixed;
  const past: Tensor[] = [];
  let hidden = context.embedding(EMBEDDINGS, tokenIds);
  decoderLayers(config, context).forEach((_, index) => {
    const remembered = (own: () => KeysAndValues): KeysAndValues => {
      const before = pairAt(state.past, index);
      const { keys, values } = own();
      const all = {
        keys: concat(builder, [before.keys, keys], 2, READ_LENGTH),
        values: concat(builder, [before.values, values], 2, READ_LENGTH),
      };
      past.push(all.keys, all.values);
      return all;
    };
    const self = { name: SELF_ATTENTION, queryLength: 1, keyLength: 1, positions, remembered };
    const cross = {
      name: CROSS_ATTENTION,
      queryLength: 1,
      keyLength: LENGTH,
      ...(mask === undefined ? {} : { mask }),
      remembered: () => pairAt(sources, index),
    };
    hidden = new T5Layer(config, context, layerPrefix('decoder', index), [self, cross]).apply(hidden);
  });
  return { ...lastProduct(config, context, hidden), past };
}

function decoderLayers(config: T5Config, context: ForwardContext): T5Layer[] {
  return Array.from(
    { length: config.decoderLayerCount },
    (_, layer) => new T5Layer(config, context, layerPrefix('decoder', layer), []),
  );
}

/** Keys or values of no token, `[batch, headCount, 0, headSize]`. */
function emptyPast({ headCount, headSize }: T5Config, { builder, dimensions }: ForwardContext): Tensor {
  const dtype = builder.floatDtype;
  return builder.add(
    'Fill',
    [dimensions.vector([BATCH, headCount, 0, headSize]), builder.constant(0, dtype)],
    { T: { kind: 'dtype', value: dtype }, index_type: { kind: 'dtype', value: 'int32' } },
    { dtype, shape: [BATCH, headCount, PAST_LENGTH, headSize] },
  );
}

/** Keys and values of a layer, out of a list that has both of each. */
function pairAt(tensors: readonly Tensor[], layer: number): KeysAndValues {
  const [keys, values] = tensors.slice(2 * layer, 2 * layer + 2);
  if (keys === undefined || values === undefined) throw new RangeError(`No keys and values of layer ${layer}`);
  return { keys, values };
}
