/** Small floats of one byte: widths, exponent bias, and how each variant spells what is not finite. */
export interface Float8Format {
  readonly mantissaBits: number;
  readonly bias: number;
  /** `ieee`: infinities and NaNs; `finite`: NaN at the largest code of either sign; `unsigned-zero`: NaN where -0 would be. */
  readonly specials: 'ieee' | 'finite' | 'unsigned-zero';
}

/** arXiv 2209.05433 (E4M3, E5M2) and 2206.02915 (FNUZ); E8M0 has no mantissa and stands apart. */
export const FLOAT8_FORMATS = {
  F8_E4M3: { mantissaBits: 3, bias: 7, specials: 'finite' },
  F8_E5M2: { mantissaBits: 2, bias: 15, specials: 'ieee' },
  F8_E4M3FNUZ: { mantissaBits: 3, bias: 8, specials: 'unsigned-zero' },
  F8_E5M2FNUZ: { mantissaBits: 2, bias: 16, specials: 'unsigned-zero' },
} as const satisfies Record<string, Float8Format>;

/** The value of each of the 256 codes. */
export function float8Values(format: Float8Format): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: 256 }, (_, code) => {
    const magnitude = code & 127;
    const sign = code & 128 ? -1 : 1;
    if (format.specials === 'unsigned-zero' && code === 128) return NaN;
    if (format.specials === 'finite' && magnitude === 127) return NaN;
    if (format.specials === 'ieee' && magnitude >= 124) return magnitude === 124 ? sign * Infinity : NaN;
    return sign * smallFloat(magnitude, format.mantissaBits, format.bias);
  });
}

/** Scales of the OCP microscaling formats: powers of two, 255 is NaN. */
export function float8ScaleValues(): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: 256 }, (_, code) => (code === 255 ? NaN : 2 ** (code - 127)));
}

/** Value of a positive small float with subnormals; specials are the caller's. */
export function smallFloat(code: number, mantissaBits: number, bias: number): number {
  const exponent = code >>> mantissaBits;
  const mantissa = code & (2 ** mantissaBits - 1);
  if (exponent === 0) return mantissa * 2 ** (1 - bias - mantissaBits);
  return (1 + mantissa / 2 ** mantissaBits) * 2 ** (exponent - bias);
}

/**
 * Codes of float32 values, rounded to nearest even. What is too large becomes infinity in E5M2 and the largest number in E4M3,
 * which has no infinity; so does torch 2.15's `.to(dtype)`.
 */
export function encodeFloat8(values: Float32Array, format: Float8Format): Uint8Array<ArrayBuffer> {
  const { mantissaBits, bias, specials } = format;
  const overflowCode = specials === 'ieee' ? 124 : 126;
  const nanCode = 127;
  const codes = new Uint8Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0;
    const sign = value < 0 || Object.is(value, -0) ? 128 : 0;
    if (Number.isNaN(value)) {
      codes[index] = nanCode;
      continue;
    }
    const magnitude = Math.abs(value);
    // Spacing of codes at this magnitude; subnormals share that of the smallest normal.
    const exponent = Math.max(exponentOf(magnitude), 1 - bias);
    const units = roundToEven(magnitude / 2 ** (exponent - mantissaBits));
    const code = units + (exponent + bias - 1) * 2 ** mantissaBits;
    codes[index] = sign | Math.min(code, overflowCode);
  }
  return codes;
}

const word = new Uint32Array(1);
const wordAsFloat = new Float32Array(word.buffer);

function exponentOf(magnitude: number): number {
  wordAsFloat[0] = magnitude;
  return ((word[0] ?? 0) >>> 23) - 127;
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
