import { IDEOGRAPH, LETTER, MARK, NUMBER, SYMBOL, SPACE } from './character-bits.ts';
import { isNewline, type SplitScanner } from './split-scanner.ts';

const MAX_DIGITS = 3;
const BLANK = 0x20;

/** DeepSeek's three patterns: digits, then Chinese and Japanese, then words in what is left and in the pieces of the second. */
export function splitLikeDeepSeek(scanner: SplitScanner, count: number): void {
  for (let at = 0; at < count;) {
    let end = at + 1;
    if (scanner.is(at, NUMBER)) {
      while (end < count && end < at + MAX_DIGITS && scanner.is(end, NUMBER)) end++;
      scanner.addPiece(end);
    } else {
      const isIdeograph = scanner.is(at, IDEOGRAPH);
      while (end < count && !scanner.is(end, NUMBER) && scanner.is(end, IDEOGRAPH) === isIdeograph) end++;
      splitWords(scanner, at, end);
    }
    at = end;
  }
}

/** The third pattern; characters that it does not match are pieces between its matches. */
function splitWords(scanner: SplitScanner, start: number, count: number): void {
  let gapStart = -1;
  for (let at = start; at < count;) {
    const end = wordEnd(scanner, at, count);
    if (end === at) {
      if (gapStart < 0) gapStart = at;
      at++;
      continue;
    }
    if (gapStart >= 0) scanner.addPiece(at);
    gapStart = -1;
    scanner.addPiece(end);
    at = end;
  }
  if (gapStart >= 0) scanner.addPiece(count);
}

/** End of the match at `at`; `at` where there is none. */
function wordEnd(scanner: SplitScanner, at: number, count: number): number {
  const { codePoints } = scanner;
  const first = codePoints[at] ?? 0;
  if (isAsciiPunctuation(first) && at + 1 < count && isAsciiLetter(codePoints[at + 1] ?? 0)) {
    let end = at + 2;
    while (end < count && isAsciiLetter(codePoints[end] ?? 0)) end++;
    return end;
  }
  const canLead = !scanner.is(at, LETTER | SYMBOL) && !isNewline(first) && at + 1 < count;
  const word = canLead && scanner.is(at + 1, LETTER | MARK) ? at + 1 : at;
  if (scanner.is(word, LETTER | MARK)) return runEnd(scanner, word, count, LETTER | MARK);
  const symbol = first === BLANK && at + 1 < count && scanner.is(at + 1, SYMBOL) ? at + 1 : at;
  if (scanner.is(symbol, SYMBOL)) {
    let end = runEnd(scanner, symbol, count, SYMBOL);
    while (end < count && isNewline(codePoints[end] ?? 0)) end++;
    return end;
  }
  return scanner.is(at, SPACE) ? scanner.spaceEnd(at, count, true) : at;
}

function runEnd(scanner: SplitScanner, at: number, count: number, bit: number): number {
  let end = at + 1;
  while (end < count && scanner.is(end, bit)) end++;
  return end;
}

const isAsciiLetter = (codePoint: number): boolean =>
  (codePoint >= 0x41 && codePoint <= 0x5a) || (codePoint >= 0x61 && codePoint <= 0x7a);
const isAsciiPunctuation = (codePoint: number): boolean =>
  codePoint > 0x20 && codePoint < 0x7f && !isAsciiLetter(codePoint) && !(codePoint >= 0x30 && codePoint <= 0x39);
