// Hangul's arithmetic (The Unicode Standard, section 3.12), which no version has changed.
const SYLLABLE_BASE = 0xac00;
const LEADING_BASE = 0x1100;
const VOWEL_BASE = 0x1161;
const TRAILING_BASE = 0x11a7;
const LEADING_COUNT = 19;
const VOWEL_COUNT = 21;
const TRAILING_COUNT = 28;
const SYLLABLE_COUNT = LEADING_COUNT * VOWEL_COUNT * TRAILING_COUNT;

export function isHangulSyllable(codePoint: number): boolean {
  return codePoint >= SYLLABLE_BASE && codePoint < SYLLABLE_BASE + SYLLABLE_COUNT;
}

/** Two or three letters of a syllable. */
export function decomposeHangul(syllable: number): number[] {
  const index = syllable - SYLLABLE_BASE;
  const trailing = index % TRAILING_COUNT;
  const letters = [
    LEADING_BASE + Math.floor(index / (VOWEL_COUNT * TRAILING_COUNT)),
    VOWEL_BASE + (Math.floor(index / TRAILING_COUNT) % VOWEL_COUNT),
  ];
  return trailing === 0 ? letters : [...letters, TRAILING_BASE + trailing];
}

/** The syllable of a leading consonant and a vowel, or of a syllable without a final consonant and one. */
export function composeHangul(first: number, second: number): number | undefined {
  const leading = first - LEADING_BASE;
  const vowel = second - VOWEL_BASE;
  if (leading >= 0 && leading < LEADING_COUNT && vowel >= 0 && vowel < VOWEL_COUNT)
    return SYLLABLE_BASE + (leading * VOWEL_COUNT + vowel) * TRAILING_COUNT;
  const trailing = second - TRAILING_BASE;
  const isOpen = isHangulSyllable(first) && (first - SYLLABLE_BASE) % TRAILING_COUNT === 0;
  return isOpen && trailing > 0 && trailing < TRAILING_COUNT ? first + trailing : undefined;
}
