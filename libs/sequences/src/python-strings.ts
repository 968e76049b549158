import type { FunctionValue, StringValue, Value } from './jinja-engine.ts';

/**
 * What Python's `str.strip` takes off. JavaScript's `trim` differs: it leaves U+001C to U+001F and U+0085, and takes off the
 * byte order mark U+FEFF.
 */
const WHITE_SPACE =
  '\t\n\v\f\r\u001c\u001d\u001e\u001f \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000';

export type StripSide = 'strip' | 'lstrip' | 'rstrip';

/** Python's `str.strip`, `lstrip` and `rstrip`. The characters of {@link WHITE_SPACE} are what is taken off where none are given. */
export function strip(text: string, side: StripSide, characters: string = WHITE_SPACE): string {
  const taken = new Set(characters);
  const points = [...text];
  const isKept = (point: string): boolean => !taken.has(point);
  const start = side === 'rstrip' ? 0 : points.findIndex(isKept);
  const end = side === 'lstrip' ? points.length : points.findLastIndex(isKept) + 1;
  return start < 0 ? '' : points.slice(start, end).join('');
}

/** Python's `str.split` without a separator. */
export function splitAtWhiteSpace(text: string): string[] {
  const parts: string[] = [''];
  for (const point of text) {
    if (!WHITE_SPACE.includes(point)) parts.push((parts.pop() ?? '') + point);
    else if (parts.at(-1) !== '') parts.push('');
  }
  return parts.filter((part) => part !== '');
}

const PATCHED = ['strip', 'lstrip', 'rstrip', 'split'] as const;

/** Whether a method of strings is one that the engine has otherwise than Python. */
export function isPatchedMethod(name: unknown): boolean {
  return (PATCHED as readonly unknown[]).includes(name);
}

/** Gives a string of the engine Python's methods: the engine's own take off white space alone, JavaScript's. */
export function patchMethods(string: StringValue): void {
  for (const name of PATCHED) {
    const original = string.builtins.get(name);
    if (!isFunction(original)) continue;
    const make = (call: FunctionValue['value']): FunctionValue => new original.constructor(call);
    const method: FunctionValue['value'] = (parameters, environment) => {
      const given = parameters[0]?.value;
      if (name !== 'split') return newString(string, strip(string.value, name, textOrNone(given)));
      // With a separator the engine does as Python does.
      if (given !== undefined && given !== null) return original.value(parameters, environment);
      if (parameters.length > 1) throw new Error('split() at white space takes no maxsplit here');
      const list = original.value([], environment);
      const parts = splitAtWhiteSpace(string.value).map((part) => newString(string, part));
      return new (list.constructor as new (value: unknown) => Value)(parts);
    };
    string.builtins.set(name, make(method));
  }
}

/** A string of the engine. */
export function newString(like: StringValue, text: string): StringValue {
  return new like.constructor(text);
}

export function textOrNone(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw new TypeError('strip() takes a string of the characters to take off');
}

function isFunction(value: Value | undefined): value is FunctionValue {
  return value?.type === 'FunctionValue';
}
