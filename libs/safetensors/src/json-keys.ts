/**
 * Finds a key that an object of a JSON text has twice; `JSON.parse` silently keeps the last. The text must be valid JSON.
 * @returns the key, or undefined where all are different
 */
export function findDuplicateKey(text: string): string | undefined {
  // Keys of the objects that are open, innermost last; arrays stand in as undefined.
  const open: (Set<string> | undefined)[] = [];
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const start = index;
      index = endOfString(text, start);
      const keys = open.at(-1);
      if (keys === undefined || !isFollowedByColon(text, index)) continue;
      // Escapes make different spellings of one key.
      const key = JSON.parse(text.slice(start, index + 1)) as string;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

function endOfString(text: string, start: number): number {
  let index = start + 1;
  while (text[index] !== '"') index += text[index] === '\\' ? 2 : 1;
  return index;
}

function isFollowedByColon(text: string, end: number): boolean {
  let index = end + 1;
  while (text[index] === ' ' || text[index] === '\n' || text[index] === '\r' || text[index] === '\t') index += 1;
  return text[index] === ':';
}
