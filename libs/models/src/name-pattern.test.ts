import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesPattern } from './name-pattern.ts';

test('matchesPattern takes a star for any run of characters, an empty one too', () => {
  for (const [name, pattern, expected] of [
    ['a.b.c', 'a.b.c', true],
    ['a.b.c', 'a.b', false],
    ['a.b.c', '*', true],
    ['', '*', true],
    ['a.b.c', 'a.*', true],
    ['a.b.c', '*.c', true],
    ['a.b.c', 'a.*.c', true],
    ['a.b.c', 'a.b*b.c', false],
    ['aa', 'a*a', true],
    ['a', 'a*a', false],
    ['aXbXc', 'a*X*c', true],
    ['abcb', '*b', true],
    ['layer.10.bias', '*.layer.1.*', false],
    ['x.layer.1.bias', '*.layer.1.*', true],
    ['a+b', 'a+b', true],
    ['aab', 'a+b', false],
    ['a\nb', 'a*b', true],
  ] as const)
    assert.equal(matchesPattern(name, pattern), expected, `${name} ${pattern}`);
});

test('a pattern of many stars that fits nothing is found out at once, and does not hang the service', () => {
  const startMs = performance.now();
  for (let stars = 1; stars < 200; stars++) {
    assert.equal(
      matchesPattern('bert.encoder.layer.11.attention.self.query.weight'.repeat(20), `${'*'.repeat(stars)}Q`),
      false,
    );
    assert.equal(matchesPattern('e'.repeat(1000), `${'*e'.repeat(stars)}Q`), false);
  }
  // Six stars took 18 seconds as a regular expression.
  assert.ok(performance.now() - startMs < 2000);
});
