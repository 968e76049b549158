// Rust reads a sign too.
const BYTE_TOKEN = /^<0x([\dA-Fa-f]{2}|\+[\dA-Fa-f])>$/;
const REPLACEMENT = '\ufffd';

/** Tokens of bytes, such as `<0xE2>`, become the characters that they are of; bytes that are of none, U+FFFD each. */
export function decodeByteTokens(tokens: readonly string[]): string[] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decoded: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    try {
      decoded.push(decoder.decode(Uint8Array.from(bytes)));
    } catch {
      decoded.push(...bytes.map(() => REPLACEMENT));
    }
    bytes = [];
  };
  for (const token of tokens) {
    const digits = BYTE_TOKEN.exec(token)?.[1];
    if (digits !== undefined) {
      bytes.push(Number.parseInt(digits, 16));
      continue;
    }
    flush();
    decoded.push(token);
  }
  flush();
  return decoded;
}
