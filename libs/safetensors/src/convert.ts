import type { Dtype } from './dtype.ts';
import { SafetensorsError } from './error.ts';
import { encodeFloat8, FLOAT8_FORMATS, float8ScaleValues, float8Values } from './float8.ts';
import { encodeHalf, halfValues } from './half.ts';

/** Floating dtypes that convert to float32 and back: those that a checkpoint's weights come in. */
export const CONVERTIBLE_DTYPES = ['F32', 'F64', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'] as const;
export type ConvertibleDtype = (typeof CONVERTIBLE_DTYPES)[number];

export function isConvertible(dtype: Dtype): dtype is ConvertibleDtype {
  return (CONVERTIBLE_DTYPES as readonly Dtype[]).includes(dtype);
}

const tables = new Map<Dtype, Float32Array<ArrayBuffer>>();

function tableOf(dtype: Dtype, create: () => Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const table = tables.get(dtype) ?? create();
  tables.set(dtype, table);
  return table;
}

/**
 * Elements as float32, rounded where the dtype is wider. Little-endian hosts only, as the format and every engine that
 * pemmican runs on.
 * @throws SafetensorsError UnsupportedDtype for complex and packed (F4, F6) elements
 */
export function toFloat32(dtype: Dtype, bytes: Uint8Array, fileName = 'tensor'): Float32Array<ArrayBuffer> {
  const aligned = bytes.byteOffset % 8 === 0 && bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice();
  const { buffer, byteOffset, byteLength } = aligned as Uint8Array<ArrayBuffer>;
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case 'F64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8));
    case 'BF16': {
      // bfloat16 is the upper half of a float32.
      const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
      const words = new Uint32Array(halves.length);
      for (let index = 0; index < halves.length; index++) words[index] = (halves[index] ?? 0) << 16;
      return new Float32Array(words.buffer);
    }
    case 'F16':
      return expand(new Uint16Array(buffer, byteOffset, byteLength / 2), tableOf(dtype, halfValues));
    case 'F8_E4M3':
    case 'F8_E5M2':
    case 'F8_E4M3FNUZ':
    case 'F8_E5M2FNUZ':
      return expand(
        aligned,
        tableOf(dtype, () => float8Values(FLOAT8_FORMATS[dtype])),
      );
    case 'F8_E8M0':
      return expand(aligned, tableOf(dtype, float8ScaleValues));
    case 'BOOL':
    case 'U8':
      return Float32Array.from(aligned);
    case 'I8':
      return Float32Array.from(new Int8Array(buffer, byteOffset, byteLength));
    case 'I16':
      return Float32Array.from(new Int16Array(buffer, byteOffset, byteLength / 2));
    case 'U16':
      return Float32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2));
    case 'I32':
      return Float32Array.from(new Int32Array(buffer, byteOffset, byteLength / 4));
    case 'U32':
      return Float32Array.from(new Uint32Array(buffer, byteOffset, byteLength / 4));
    case 'I64':
      return fromBigInts(new BigInt64Array(buffer, byteOffset, byteLength / 8));
    case 'U64':
      return fromBigInts(new BigUint64Array(buffer, byteOffset, byteLength / 8));
    case 'C64':
    case 'F4':
    case 'F6_E2M3':
    case 'F6_E3M2':
      throw new SafetensorsError('UnsupportedDtype', fileName, `elements of dtype ${dtype} cannot be read as float32`);
  }
}

/**
 * float32 elements in a floating dtype, rounded to nearest even as torch's `.to(dtype)` does.
 * @throws SafetensorsError UnsupportedDtype
 */
export function fromFloat32(
  dtype: Dtype,
  values: Float32Array<ArrayBuffer>,
  fileName = 'tensor',
): Uint8Array<ArrayBuffer> {
  switch (dtype) {
    case 'F32':
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case 'F64':
      return new Uint8Array(Float64Array.from(values).buffer);
    case 'BF16':
      return new Uint8Array(encodeBfloat16(values).buffer);
    case 'F16':
      return new Uint8Array(encodeHalf(values).buffer);
    case 'F8_E4M3':
    case 'F8_E5M2':
      return encodeFloat8(values, FLOAT8_FORMATS[dtype]);
    default:
      throw new SafetensorsError(
        'UnsupportedDtype',
        fileName,
        `float32 cannot be written as ${dtype}; supported are ${CONVERTIBLE_DTYPES.join(', ')}`,
      );
  }
}

function encodeBfloat16(values: Float32Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? 0;
    // A NaN must stay one: rounding could carry its mantissa into the exponent.
    const isNaN = (word & 0x7fffffff) > 0x7f800000;
    halves[index] = isNaN ? 0x7fc0 | ((word >>> 16) & 0x8000) : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return halves;
}

function expand(codes: Uint8Array | Uint16Array, table: Float32Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array(codes.length);
  for (let index = 0; index < codes.length; index++) values[index] = table[codes[index] ?? 0] ?? 0;
  return values;
}

/** Rounded to double first, then to single; both steps are to nearest even. */
function fromBigInts(values: BigInt64Array | BigUint64Array): Float32Array<ArrayBuffer> {
  const floats = new Float32Array(values.length);
  for (let index = 0; index < values.length; index++) floats[index] = Number(values[index]);
  return floats;
}
