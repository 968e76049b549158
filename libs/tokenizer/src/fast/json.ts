/** `type` of a component of tokenizer.json, undefined where there is none. */
export function typeOf(json: unknown): unknown {
  return fieldOf(json, 'type');
}

export function fieldOf(json: unknown, field: string): unknown {
  return typeof json === 'object' && json !== null ? (json as Readonly<Record<string, unknown>>)[field] : undefined;
}

/** The parts of a Sequence in order, sequences inside of it included; a component that is none by itself. */
export function partsOf(json: unknown, field: 'normalizers' | 'pretokenizers'): unknown[] {
  if (json === null || json === undefined) return [];
  const inner = typeOf(json) === 'Sequence' ? fieldOf(json, field) : undefined;
  return Array.isArray(inner) ? inner.flatMap((part: unknown) => partsOf(part, field)) : [json];
}
