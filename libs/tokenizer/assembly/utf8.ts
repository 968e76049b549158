/** Bytes of the character that a byte begins. */
export function characterLength(lead: u32): u32 {
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

export function codePointAt(at: usize): u32 {
  const lead: u32 = load<u8>(at);
  if (lead < 0x80) return lead;
  const second: u32 = load<u8>(at, 1) & 0x3f;
  if (lead < 0xe0) return ((lead & 0x1f) << 6) | second;
  const third: u32 = load<u8>(at, 2) & 0x3f;
  if (lead < 0xf0) return ((lead & 0x0f) << 12) | (second << 6) | third;
  return ((lead & 0x07) << 18) | (second << 12) | (third << 6) | (load<u8>(at, 3) & 0x3f);
}

/** Code point of the character that ends before `at`. */
export function codePointBefore(at: usize): u32 {
  let start = at - 1;
  while ((load<u8>(start) & 0xc0) == 0x80) start--;
  return codePointAt(start);
}
