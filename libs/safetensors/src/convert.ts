import type { Dtype } from './dtype.ts';
import { SafetensorsError } from './error.ts';

/** Dtypes that have a float32 value for each element. */
export const CONVERTIBLE_DTYPES = ['F32', 'F64', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'] as const;
export type ConvertibleDtype = (typeof CONVERTIBLE_DTYPES)[number];

export function isConvertible(dtype: Dtype): dtype is ConvertibleDtype {
  return (CONVERTIBLE_DTYPES as readonly Dtype[]).includes(dtype);
}

/**
 * Elements as float32. Little-endian hosts only, as the format and every engine that pemmican runs on.
 * @throws SafetensorsError UnsupportedDtype for integers and packed formats
 */
export function toFloat32(dtype: Dtype, bytes: Uint8Array, fileName = 'tensor'): Float32Array<ArrayBuffer> {
  if (!isConvertible(dtype))
    throw new SafetensorsError(
      'UnsupportedDtype',
      fileName,
      `dtype ${dtype} cannot be trained; supported are ${CONVERTIBLE_DTYPES.join(', ')}`,
    );
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
      return expand(new Uint16Array(buffer, byteOffset, byteLength / 2), halfTable());
    case 'F8_E4M3':
      return expand(aligned, float8Table(4, 3));
    case 'F8_E5M2':
      return expand(aligned, float8Table(5, 2));
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
    case 'BF16': {
      const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
      const halves = new Uint16Array(values.length);
      for (let index = 0; index < words.length; index++) {
        const word = words[index] ?? 0;
        // A NaN must stay one: rounding could carry its mantissa into the exponent.
        halves[index] =
          (word & 0x7fffffff) > 0x7f800000
            ? 0x7fc0 | ((word >>> 16) & 0x8000)
            : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
      }
      return new Uint8Array(halves.buffer);
    }
    case 'F16': {
      const halves = new Uint16Array(values.length);
      const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
      for (let index = 0; index < words.length; index++) halves[index] = toHalf(words[index] ?? 0);
      return new Uint8Array(halves.buffer);
    }
    default:
      throw new SafetensorsError(
        'UnsupportedDtype',
        fileName,
        `float32 cannot be written as ${dtype}; supported are F32, F64, F16, BF16`,
      );
  }
}

function expand(codes: Uint8Array | Uint16Array, table: Float32Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array(codes.length);
  for (let index = 0; index < codes.length; index++) values[index] = table[codes[index] ?? 0] ?? 0;
  return values;
}

/** Value of a small float with `exponentBits` and `mantissaBits`, IEEE bias, subnormals; specials are the caller's. */
function smallFloat(code: number, exponentBits: number, mantissaBits: number): number {
  const sign = code >>> (exponentBits + mantissaBits) ? -1 : 1;
  const exponent = (code >>> mantissaBits) & (2 ** exponentBits - 1);
  const mantissa = code & (2 ** mantissaBits - 1);
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits);
  return sign * (1 + mantissa / 2 ** mantissaBits) * 2 ** (exponent - bias);
}

let half: Float32Array | undefined;
function halfTable(): Float32Array {
  half ??= Float32Array.from({ length: 65_536 }, (_, code) => {
    const isSpecial = ((code >>> 10) & 31) === 31;
    if (!isSpecial) return smallFloat(code, 5, 10);
    return code & 1023 ? NaN : code & 0x8000 ? -Infinity : Infinity;
  });
  return half;
}

/** F8_E5M2 has infinities as IEEE; F8_E4M3 (the "fn" variant) has none and one NaN a sign (arXiv 2209.05433). */
function float8Table(exponentBits: 4 | 5, mantissaBits: 2 | 3): Float32Array {
  return Float32Array.from({ length: 256 }, (_, code) => {
    const magnitude = code & 127;
    if (exponentBits === 4) return magnitude === 127 ? NaN : smallFloat(code, 4, 3);
    if (magnitude < 124) return smallFloat(code, exponentBits, mantissaBits);
    return magnitude === 124 ? (code & 128 ? -Infinity : Infinity) : NaN;
  });
}

function toHalf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and more round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal half: the value in units of 2^-24, rounded to nearest even.
    const units = (new Float32Array(new Uint32Array([magnitude]).buffer)[0] ?? 0) * 2 ** 24;
    const floor = Math.floor(units);
    const rest = units - floor;
    return sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor);
  }
  const rebased = magnitude - 0x38000000;
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}
