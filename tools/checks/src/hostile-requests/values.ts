import type { Random } from './random.ts';

const NUMBERS = [
  NaN, Infinity, -Infinity, -0, 0, -1, 1, 0.5, 1e308, 5e-324, 2 ** 31 - 1, -(2 ** 31), 2 ** 32 - 1,
  Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 100, 65_536, 1_000_001,
]; // prettier-ignore

const TEXTS = [
  '', ' ', '\0', '\n\r\t', '..', '../'.repeat(40), '*', '%s%n%x', "'; DROP TABLE resource; --", '${jndi:ldap://x}', '{{ 7 * 7 }}',
  '{% for i in range(99999999) %}{% endfor %}', '\u202e\u200b\ufeff', '\u{1f600}'.repeat(1000), 'e\u0301'.repeat(500), '\ud7ff\ue000',
  'x'.repeat(100_000), `${'x'.repeat(1986)}\u{1f600}`, '*a'.repeat(40), '*******Q', '(a+)+$', '__proto__', 'constructor', 'toString', '-1', 'null',
]; // prettier-ignore

/** A text that no one would send. */
export const hostileText = (random: Random): string => random.pick(TEXTS);

type Fields = Record<string, unknown>;

/** A copy of a message with one to three of its fields at values that no one would send, each of the field's kind. */
export function withHostileFields<Message extends object>(message: Message, random: Random): Message {
  const copy = structuredClone(message);
  for (let change = random.below(3); change >= 0; change--) spoilOne(copy as Fields, random);
  return copy;
}

function spoilOne(message: Fields, random: Random): void {
  const fields = Object.keys(message).filter((name) => name !== '$case' && message[name] !== undefined);
  if (fields.length === 0) return;
  const name = random.pick(fields);
  message[name] = spoil(message[name], random);
}

function spoil(value: unknown, random: Random): unknown {
  if (typeof value === 'number') return random.pick(NUMBERS);
  if (typeof value === 'string') return hostileText(random);
  if (typeof value === 'boolean') return !value;
  if (Array.isArray(value)) {
    const items = value as readonly unknown[];
    if (items.length === 0) return [];
    // None, thousands, or one that is spoiled itself.
    const kind = random.below(3);
    if (kind === 0) return [];
    if (kind === 1) return Array.from({ length: 3000 }, () => items[0]);
    return items.map((item) => spoil(item, random));
  }
  if (typeof value === 'object' && value !== null) {
    spoilOne(value as Fields, random);
    return value;
  }
  return value;
}
