// Enough to recognise a value by; a message must not repeat a text of megabytes.
const MAX_SHOWN_CHARACTERS = 100;

/** A value of a file as an error message shows it: as JSON, cut off where it is long. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, MAX_SHOWN_CHARACTERS + 1)) : describe(value);
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}...` : text;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** Names of columns or labels as an error message lists them. */
export function showNames(names: readonly string[]): string {
  const shown = names.slice(0, 20).map(show).join(', ');
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown;
}

/** What a thrown value says. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
