/**
 * Whether a name is as a pattern says, in which `*` stands for any run of characters. The first place where a part fits is as good as
 * any later one, so that the time is that of the name's length: a regular expression tries all of them, and takes hours for some stars.
 */
export function matchesPattern(name: string, pattern: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return name === pattern;
  const end = name.length - last.length;
  if (!name.startsWith(first) || !name.endsWith(last) || first.length > end) return false;
  let position = first.length;
  for (const part of others) {
    const found = name.indexOf(part, position);
    if (found < 0 || found + part.length > end) return false;
    position = found + part.length;
  }
  return true;
}
