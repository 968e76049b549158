import { complementOf, type CodePointRanges } from '../unicode/code-point-set.ts';
import { namedProperty, PROPERTY_NAMES, shorthandClass } from './named-classes.ts';
import type { PatternReader } from './pattern-reader.ts';

const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, e: 27 };
const LAST_CODE_POINT = 0x10ffff;

/** What an escape matches; the backslash has been read. */
export function parseEscapedSet(reader: PatternReader, isInBrackets: boolean): CodePointRanges {
  const property = reader.takeMatch(/^([pP])\{(\^?)([A-Za-z_ ]+)\}/);
  if (property !== undefined) {
    const [, letter, caret, name = ''] = property;
    const ranges =
      namedProperty(name) ?? reader.refuse(`the property ${name} (known are ${PROPERTY_NAMES.join(', ')})`);
    return (letter === 'P') !== (caret === '^') ? complementOf(ranges) : ranges;
  }
  const code = reader.takeMatch(/^(?:x\{([0-9A-Fa-f]{1,8})\}|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))/);
  if (code !== undefined) {
    const codePoint = parseInt(code[1] ?? code[2] ?? code[3] ?? '', 16);
    // Two digits above 7f would be a byte, not a character.
    if (codePoint > LAST_CODE_POINT || (code[2] !== undefined && codePoint > 0x7f))
      return reader.refuse(`the escape \\${code[0]}`);
    return [[codePoint, codePoint + 1]];
  }
  const codePoint = reader.next();
  const character = String.fromCodePoint(codePoint);
  const shorthand = shorthandClass(character.toLowerCase(), isInBrackets);
  if (shorthand !== undefined) return character === character.toLowerCase() ? shorthand : complementOf(shorthand);
  const control = Object.hasOwn(CONTROLS, character) ? CONTROLS[character] : undefined;
  if (control !== undefined) return [[control, control + 1]];
  if (/[A-Za-z0-9]/.test(character)) return reader.refuse(`the escape \\${character}`);
  return [[codePoint, codePoint + 1]];
}
