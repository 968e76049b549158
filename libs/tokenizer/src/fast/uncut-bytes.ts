import { PAIR_COUNT } from './cut-rule.ts';

/** Bytes of which no two are ever cut apart, in the form in which 16 bytes are tested at a time. */
export interface UncutBytes {
  /** `[16]`: by the low half of an ASCII byte, one bit for each of its high halves 0 to 7 that makes a byte of the set. */
  readonly lowHalves: Uint8Array;
  /** Whether all bytes from 0x80 on are in the set. */
  readonly hasHighBytes: boolean;
}

const ASCII_COUNT = 128;
const characters = (first: string, last: string): number[] =>
  Array.from({ length: last.charCodeAt(0) - first.charCodeAt(0) + 1 }, (_, index) => first.charCodeAt(0) + index);
/** The most frequent first, since a byte is left out where it may be cut from one that is in already. */
const LETTERS_BY_FREQUENCY = [...'etaoinsrhldcumfpgwybvkxjqz'].map((letter) => letter.charCodeAt(0));
const OTHERS = [...characters('A', 'Z'), ...characters('0', '9'), ...characters('\0', '\x7f')];

/** A set of bytes, as large as their order allows, of which the table cuts no two apart. */
export function uncutBytes(table: Uint8Array): UncutBytes {
  const chosen: number[] = [];
  const isUncut = (first: number, second: number): boolean =>
    table[(first << 8) | second] === 0 && table[(second << 8) | first] === 0;
  const joinsChosen = (byte: number): boolean => isUncut(byte, byte) && chosen.every((other) => isUncut(byte, other));
  for (const byte of LETTERS_BY_FREQUENCY) if (joinsChosen(byte)) chosen.push(byte);
  // All or none of them: which ones stand next to each other is not looked at here.
  const highBytes = characters('\x80', '\xff');
  const hasHighBytes = highBytes.every((byte) => joinsChosen(byte) && highBytes.every((other) => isUncut(byte, other)));
  if (hasHighBytes) chosen.push(...highBytes);
  for (const byte of OTHERS) if (!chosen.includes(byte) && joinsChosen(byte)) chosen.push(byte);
  const lowHalves = new Uint8Array(16);
  for (const byte of chosen)
    if (byte < ASCII_COUNT) lowHalves[byte & 0x0f] = (lowHalves[byte & 0x0f] ?? 0) | (1 << (byte >> 4));
  return { lowHalves, hasHighBytes };
}

/** The same table by `nextByte << 8 | previousByte`, which is how two bytes in a row are read as one number. */
export function transposed(table: Uint8Array): Uint8Array {
  const result = new Uint8Array(PAIR_COUNT);
  for (let pair = 0; pair < PAIR_COUNT; pair++) result[((pair & 0xff) << 8) | (pair >> 8)] = table[pair] ?? 0;
  return result;
}
