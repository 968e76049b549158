/** Where an added token may begin. */
class Added {
  /** By `firstByte << 8 | secondByte`, 1 where a token begins so; 64 KB, or 0 where there are no tokens. */
  static pairs: usize = 0;
  /** Different first bytes where there are up to 4, the last one again for those that are missing; otherwise 0. */
  static firstBytes: u32 = 0;
}

/** Whether an added token may begin in `[start, end)`. */
export function mayHaveAddedToken(start: usize, end: usize): bool {
  return Added.pairs != 0 && findCandidate(start, end) < end;
}

/** Where in `[start, end)` the first two bytes of an added token are, or a single byte that may be one; `end` if nowhere. */
function findCandidate(start: usize, end: usize): usize {
  const pairs = Added.pairs;
  const few = Added.firstBytes;
  let at = start;
  if (few != 0) {
    const first = i8x16.splat(<i8>few);
    const second = i8x16.splat(<i8>(few >> 8));
    const third = i8x16.splat(<i8>(few >> 16));
    const fourth = i8x16.splat(<i8>(few >> 24));
    const isOne = (few & 0xff) * 0x01010101 == few;
    for (; at < end; at += 16) {
      const bytes = v128.load(at);
      let equal = i8x16.eq(bytes, first);
      if (!isOne)
        equal = v128.or(
          v128.or(equal, i8x16.eq(bytes, second)),
          v128.or(i8x16.eq(bytes, third), i8x16.eq(bytes, fourth)),
        );
      if (!v128.any_true(equal)) continue;
      for (let bits = i8x16.bitmask(equal); bits != 0; bits &= bits - 1) {
        const found = at + <usize>ctz(bits);
        if (found >= end) return end;
        if (load<u8>(pairs + (((<usize>load<u8>(found)) << 8) | load<u8>(found, 1))) != 0) return found;
      }
    }
    return end;
  }
  for (; at < end; at++) if (load<u8>(pairs + (((<usize>load<u8>(at)) << 8) | load<u8>(at, 1))) != 0) return at;
  return end;
}

export function setAdded(pairs: usize, firstBytes: u32): void {
  Added.pairs = pairs;
  Added.firstBytes = firstBytes;
}
