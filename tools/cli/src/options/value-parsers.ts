import { InvalidArgumentError } from 'commander';

import { parseByteSize } from './byte-size.ts';

/** Largest value of a field that the contract holds in 32 unsigned bits. */
const UINT32_MAX = 0xffff_ffff;

/** Makes a parser of whole numbers within limits. */
export function integer(minimum: number, maximum: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < minimum || value > maximum) {
      throw new InvalidArgumentError(`It must be a whole number ${range(minimum, maximum)}.`);
    }
    return value;
  };
}

/** Makes a parser of whole numbers that fit 32 unsigned bits. */
export function unsigned(minimum = 0): (text: string) => number {
  return integer(minimum, UINT32_MAX);
}

/** Makes a parser of finite numbers within limits. */
export function number(minimum: number, maximum: number = Number.MAX_VALUE): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || value < minimum || value > maximum) {
      throw new InvalidArgumentError(`It must be a finite number ${range(minimum, maximum)}.`);
    }
    return value;
  };
}

/** Makes a parser of finite numbers above 0. */
export function positiveNumber(): (text: string) => number {
  const parse = number(0);
  return (text) => {
    const value = parse(text);
    if (value === 0) throw new InvalidArgumentError('It must be above 0.');
    return value;
  };
}

/** Parses a size in bytes. */
export function byteSize(text: string): number {
  const bytes = parseByteSize(text);
  if (bytes === undefined || bytes === 0) {
    throw new InvalidArgumentError('It must be a size such as 8GiB, 512Mi or 1.5GB.');
  }
  return bytes;
}

/** Parses `auto` or a probability below 1. */
export function dropout(text: string): number | 'auto' {
  if (text === 'auto') return 'auto';
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= 0 && value < 1))
    throw new InvalidArgumentError('It must be "auto" or a number from 0 up to, not including, 1.');
  return value;
}

/** Parses token ids separated by commas or spaces. */
export function tokenIds(text: string, previous: readonly number[] = []): number[] {
  const parse = unsigned();
  return [
    ...previous,
    ...text
      .split(/[\s,]+/)
      .filter((part) => part !== '')
      .map(parse),
  ];
}

/** Parses names separated by commas. */
export function names(text: string): string[] {
  const found = text.split(',').map((name) => name.trim());
  if (found.includes('')) throw new InvalidArgumentError('It must be names with commas between them.');
  const repeated = found.find((name, index) => found.indexOf(name) !== index);
  if (repeated !== undefined) throw new InvalidArgumentError(`It has "${repeated}" twice.`);
  return found;
}

/** Makes a parser of one of some names; underscores count as hyphens, as in transformers' own spellings. */
export function choice<Name extends string>(names: readonly Name[]): (text: string) => Name {
  return (text) => {
    const normalized = text.toLowerCase().replaceAll('_', '-');
    const found = names.find((name) => name === normalized);
    if (found === undefined) throw new InvalidArgumentError(`It must be one of ${names.join(', ')}.`);
    return found;
  };
}

function range(minimum: number, maximum: number): string {
  const hasMaximum = maximum < Number.MAX_SAFE_INTEGER;
  if (!hasMaximum) return minimum === Number.MIN_SAFE_INTEGER ? '' : `of at least ${minimum}`;
  return `from ${minimum} to ${maximum}`;
}

/** Collects the values of an option that may be given several times. */
export function collect(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text];
}

/** Parses a probability below 1. */
export function probability(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= 0 && value < 1)) throw new InvalidArgumentError('It must be a number from 0 up to, not including, 1.');
  return value;
}
