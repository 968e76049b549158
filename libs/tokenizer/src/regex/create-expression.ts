import type { Component } from '../component.ts';
import { TokenizerError } from '../error.ts';
import { MAX_PATTERN_LENGTH } from '../limits.ts';
import { Expression } from './expression.ts';
import { UnsupportedPattern } from './pattern-reader.ts';

const SPECIAL_CHARACTERS = /[\\^$.*+?()[\]{}|]/g;

/**
 * The expression that a component's `pattern` describes: `{"Regex": "..."}` or `{"String": "..."}`.
 * @throws TokenizerError
 */
export function createExpression(component: Component): Expression {
  const pattern = component.child('pattern');
  const isRegex = pattern.get('Regex') !== undefined;
  const text = pattern.text(isRegex ? 'Regex' : 'String');
  if (text.length > MAX_PATTERN_LENGTH)
    throw new TokenizerError(
      'TOO_LARGE',
      `${pattern.where} has ${text.length} characters, the limit is ${MAX_PATTERN_LENGTH}`,
    );
  try {
    return new Expression(isRegex ? text : text.replace(SPECIAL_CHARACTERS, '\\$&'));
  } catch (cause) {
    if (!(cause instanceof UnsupportedPattern)) throw cause;
    throw new TokenizerError(
      'UNSUPPORTED_COMPONENT',
      `${pattern.where}: the expression ${JSON.stringify(text.slice(0, 200))} is not supported: ${cause.message}`,
      { cause },
    );
  }
}
