/** Says for each candidate whether it still fails. */
export type StillFails = (candidates: readonly string[]) => Promise<boolean[]>;

const MAX_ROUNDS = 200;

function withoutParts(characters: readonly string[], size: number): string[] {
  const candidates: string[] = [];
  for (let start = 0; start < characters.length; start += size)
    candidates.push([...characters.slice(0, start), ...characters.slice(start + size)].join(''));
  return candidates;
}

/** A text that still fails and from which no character can be taken: parts are taken away, halves first (delta debugging). */
export async function shrink(text: string, stillFails: StillFails): Promise<string> {
  let characters = Array.from(text);
  let size = Math.max(1, characters.length >> 1);
  for (let round = 0; round < MAX_ROUNDS && characters.length > 1; round++) {
    const candidates = withoutParts(characters, size);
    const failing = (await stillFails(candidates)).indexOf(true);
    const smaller = candidates[failing];
    if (smaller !== undefined) characters = Array.from(smaller);
    else if (size === 1) break;
    else size = Math.max(1, size >> 1);
  }
  return simplify(characters, stillFails);
}

/** Puts "a" in place of every character that does not matter. */
async function simplify(characters: string[], stillFails: StillFails): Promise<string> {
  for (let index = 0; index < characters.length && characters.length <= 64; index++) {
    if (characters[index] === 'a') continue;
    const candidate = characters.with(index, 'a');
    if ((await stillFails([candidate.join('')]))[0] === true) characters = candidate;
  }
  return characters.join('');
}
