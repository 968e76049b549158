import { DatasetError } from './error.ts';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes UTF-8, never lossily: a replaced byte would be trained on.
 * @param offsetBytes where `bytes` begin in the file
 * @throws DatasetError INVALID_UTF8 with the offset of the first byte that is wrong
 */
export function decodeUtf8(bytes: Uint8Array, fileName: string, offsetBytes: number): string {
  try {
    return strict.decode(bytes);
  } catch (cause) {
    throw new DatasetError(
      'INVALID_UTF8',
      fileName,
      `byte ${offsetBytes + validPrefixLength(bytes)} is not valid UTF-8`,
      { cause },
    );
  }
}

/** Bytes before the first one that is wrong, by bisection: a prefix is valid when its whole characters are. */
function validPrefixLength(bytes: Uint8Array): number {
  let [low, high] = [0, bytes.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (isValidPrefix(bytes.subarray(0, middle))) low = middle;
    else high = middle - 1;
  }
  return low - unfinishedLength(bytes.subarray(0, low));
}

/** Bytes at the end that begin a character without finishing it: the character is wrong from its first byte on. */
function unfinishedLength(bytes: Uint8Array): number {
  for (let length = 1; length <= Math.min(3, bytes.length); length++) {
    const byte = bytes[bytes.length - length] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return length < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? length : 0;
  }
  return 0;
}

function isValidPrefix(bytes: Uint8Array): boolean {
  try {
    // With `stream`, a character that is cut off at the end is no error.
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** Bytes that a text takes; lone surrogates do not come out of a decoder. */
export function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
