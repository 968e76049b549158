import { smallFloat } from './float8.ts';

/** The value of each of the 65,536 IEEE half-precision codes. */
export function halfValues(): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: 65_536 }, (_, code) => {
    const sign = code & 0x8000 ? -1 : 1;
    const magnitude = code & 0x7fff;
    if (magnitude < 0x7c00) return sign * smallFloat(magnitude, 10, 15);
    return magnitude === 0x7c00 ? sign * Infinity : NaN;
  });
}

/** Codes of float32 values, rounded to nearest even; what is too large becomes infinity. */
export function encodeHalf(values: Float32Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(values.length);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let index = 0; index < words.length; index++) halves[index] = toHalf(words[index] ?? 0);
  return halves;
}

const word = new Uint32Array(1);
const wordAsFloat = new Float32Array(word.buffer);

function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and more round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal half: the value in units of 2^-24, rounded to nearest even.
    word[0] = magnitude;
    const units = (wordAsFloat[0] ?? 0) * 2 ** 24;
    const floor = Math.floor(units);
    const rest = units - floor;
    return sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor);
  }
  const rebased = magnitude - 0x38000000;
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}
