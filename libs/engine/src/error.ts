export type EngineErrorCode =
  'OUT_OF_MEMORY' | 'NON_FINITE' | 'INVALID_GRAPH' | 'INVALID_ARGUMENT' | 'UNAVAILABLE' | 'INTERNAL';

/** Thrown when TensorFlow refuses a graph or a step. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: EngineErrorCode;
  constructor(code: EngineErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

// TensorFlow's own messages; the C API gives the addon nothing but the text.
const CODES: readonly (readonly [RegExp, EngineErrorCode])[] = [
  [/OOM when allocating|Failed to allocate|ResourceExhausted|out of memory/i, 'OUT_OF_MEMORY'],
  [/Tensor had (?:NaN|Inf|-Inf|\+Inf|Inf and NaN)/i, 'NON_FINITE'],
  [
    /not a node|name can not be found|Could not find variable|uninitialized|Op type not registered|NodeDef/i,
    'INVALID_GRAPH',
  ],
  [
    /indices.*(?:out of|not in)|shape|dtype|must be|must feed|Expects arg|incompatible|both fed and fetched/i,
    'INVALID_ARGUMENT',
  ],
];

/** Names the kind of failure that TensorFlow's message tells. */
export function toEngineError(cause: unknown): EngineError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = CODES.find(([pattern]) => pattern.test(message))?.[1] ?? 'INTERNAL';
  return new EngineError(code, message.trim(), { cause });
}
