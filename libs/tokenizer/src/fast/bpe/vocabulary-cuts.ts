import { cutTable, type CutRule } from '../cut-rule.ts';
import type { SpaceMark } from './space-mark.ts';

const SPACE = 0x20;

/**
 * Cuts for BPE that merges whole texts.
 *
 * Proof. A merge makes a token of the vocabulary, whose characters stand in the text one after the other. If no token has
 * the characters a and b next to each other, no merge ever reaches over a place between an a and a b, so what is left
 * and what is right of it never meet, and the order of the merges on one side does not depend on the other. The
 * table says so by the last byte of a and the first one of b, which may only lose cuts. A character without a token becomes
 * bytes, which the caller has made sure are in no merge. A space in the text may be the mark in a token.
 */
export function vocabularyCuts(tokens: Iterable<string>, { mark, firstScope }: SpaceMark): CutRule {
  const encoder = new TextEncoder();
  const markBytes = encoder.encode(mark);
  const isInside = new Uint8Array(65_536);
  const add = (previous: number, next: number): void => {
    isInside[(previous << 8) | next] = 1;
  };
  for (const token of tokens) {
    const bytes = encoder.encode(token);
    for (let at = 1; at < bytes.length; at++) {
      const next = bytes[at] ?? 0;
      if ((next & 0xc0) === 0x80) continue;
      const previous = bytes[at - 1] ?? 0;
      const lasts = endsIn(bytes, at, markBytes) ? [previous, SPACE] : [previous];
      const firsts = endsIn(bytes, at + markBytes.length, markBytes) ? [next, SPACE] : [next];
      for (const last of lasts) for (const first of firsts) add(last, first);
    }
  }
  return {
    table: cutTable((previous, next) => 1 - (isInside[(previous << 8) | next] ?? 0)),
    characterBits: undefined,
    isolatesIdeographs: false,
    firstScope,
  };
}

/** Whether `bytes[0, end)` ends in `suffix`. */
function endsIn(bytes: Uint8Array, end: number, suffix: Uint8Array): boolean {
  return end >= suffix.length && suffix.every((byte, index) => bytes[end - suffix.length + index] === byte);
}
