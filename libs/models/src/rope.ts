import { concat, type Tensor } from '@pemmican/graph';
import { lengthColumn } from './attention-mask.ts';
import type { ConfigReader } from './config-reader.ts';
import { LENGTH, type ForwardContext } from './forward-context.ts';

/** Rotary position embedding as config.json describes it (transformers' modeling_rope_utils). */
export type RopeConfig =
  | { readonly type: 'default'; readonly theta: number }
  | { readonly type: 'linear'; readonly theta: number; readonly factor: number }
  | {
      readonly type: 'llama3';
      readonly theta: number;
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalMaxPositionCount: number;
    };

const TYPES = ['default', 'linear', 'llama3'] as const;
const MAX = Number.MAX_VALUE;

/**
 * Reads `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` (before).
 * @param layerType key of the parameters where each type of layer has its own (Gemma 3)
 * @throws ModelError INVALID_CONFIG, also for a scaling that is not supported (yarn, longrope, dynamic)
 */
export function readRope(reader: ConfigReader, defaultTheta: number, layerType?: string): RopeConfig {
  let fields: ConfigReader | undefined = reader.object('rope_parameters');
  if (fields !== undefined && layerType !== undefined) fields = fields.object(layerType) ?? fields;
  const theta = (fields ?? reader).number('rope_theta', defaultTheta, 1, MAX);
  fields ??= reader.object('rope_scaling');
  if (fields === undefined) return { type: 'default', theta };
  const partial = fields.number('partial_rotary_factor', reader.number('partial_rotary_factor', 1, 0, MAX), 0, MAX);
  if (partial !== 1) fields.fail('partial_rotary_factor', '1');
  const type = fields.choice(fields.get('rope_type') === undefined ? 'type' : 'rope_type', 'default', TYPES);
  if (type === 'default') return { type, theta };
  const factor = fields.number('factor', NaN, Number.MIN_VALUE, MAX);
  if (type === 'linear') return { type, theta, factor };
  const lowFrequencyFactor = fields.number('low_freq_factor', NaN, Number.MIN_VALUE, MAX);
  return {
    type,
    theta,
    factor,
    lowFrequencyFactor,
    highFrequencyFactor: fields.number('high_freq_factor', NaN, lowFrequencyFactor, MAX),
    originalMaxPositionCount: fields.count('original_max_position_embeddings'),
  };
}

/** `1 / theta^(2i / headSize)` for each pair of a head's elements, scaled; rounded to float32 as torch keeps them. */
export function inverseFrequencies(rope: RopeConfig, headSize: number): number[] {
  return Array.from({ length: headSize / 2 }, (_, index) => {
    const power = Math.fround(rope.theta ** Math.fround((2 * index) / headSize));
    return Math.fround(scaled(rope, Math.fround(1 / power)));
  });
}

function scaled(rope: RopeConfig, frequency: number): number {
  if (rope.type === 'default') return frequency;
  if (rope.type === 'linear') return frequency / rope.factor;
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalMaxPositionCount: length } = rope;
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength < length / high) return frequency;
  if (wavelength > length / low) return frequency / factor;
  const smooth = (length / wavelength - low) / (high - low);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}

/** Cosines and sines of each position's angles, `[length, headSize]`, each angle in both halves; see `rotary`. */
export interface RotaryAngles {
  readonly cosine: Tensor;
  readonly sine: Tensor;
}

/** Angles are products of float32, whatever the graph computes in, as in transformers. */
export function rotaryAngles(context: ForwardContext, rope: RopeConfig, headSize: number): RotaryAngles {
  const { builder } = context;
  const dtype = (value: 'int32' | 'float32' | 'float64'): { kind: 'dtype'; value: typeof value } => ({
    kind: 'dtype',
    value,
  });
  const T = dtype('float32');
  const half = { dtype: 'float32', shape: [LENGTH, headSize / 2] } as const;
  const positions = builder.add(
    'Cast',
    [lengthColumn(context)],
    { SrcT: dtype('int32'), DstT: T },
    { dtype: 'float32', shape: [LENGTH, 1] },
  );
  const frequencies = builder.constant(inverseFrequencies(rope, headSize), 'float32', [1, headSize / 2]);
  const angles = builder.add('Mul', [positions, frequencies], { T }, half);
  const both = (op: 'Cos' | 'Sin'): Tensor => {
    const part = builder.add(op, [angles], { T }, half);
    const whole = concat(builder, [part, part], 1, headSize);
    if (builder.floatDtype === 'float32') return whole;
    const to = { SrcT: T, DstT: dtype(builder.floatDtype) };
    return builder.add('Cast', [whole], to, { dtype: builder.floatDtype, shape: [LENGTH, headSize] });
  };
  return { cosine: both('Cos'), sine: both('Sin') };
}
