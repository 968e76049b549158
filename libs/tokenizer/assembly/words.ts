// Arrays of words: 32-bit numbers, 4 bytes each.

/** Address of a word. */
export function wordAt(words: usize, index: u32): usize {
  return words + ((<usize>index) << 2);
}

export function word(words: usize, index: u32): u32 {
  return load<u32>(wordAt(words, index));
}

export function setWord(words: usize, index: u32, value: u32): void {
  store<u32>(wordAt(words, index), value);
}

/** Copies words one by one: for the few that a chunk has, a call of `memory.copy` costs more. */
export function copyWords(to: usize, from: usize, count: u32): void {
  for (const end = wordAt(from, count); from < end; from += 4, to += 4) store<u32>(to, load<u32>(from));
}
