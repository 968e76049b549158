import { DatasetError } from './error.ts';
import { show } from './show.ts';

/** Who speaks, by the names that chat templates know. */
export const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'] as const;
export type Role = (typeof ROLES)[number];

/** One message of a conversation, with whatever else the file says of it; fields that are null are left out. */
export interface Message {
  readonly role: Role;
  readonly content: string;
  readonly [field: string]: unknown;
}

/** Where a list of messages stands. */
interface Place {
  readonly column: string;
  readonly fileName: string;
  readonly row: number;
}

/**
 * The messages of a conversation.
 * @throws DatasetError INVALID_TEXT
 */
export function messagesOf(value: unknown, place: Place): Message[] {
  const { column, fileName, row } = place;
  const fail = (problem: string): never => {
    throw new DatasetError('INVALID_TEXT', fileName, `row ${row}: ${problem}`);
  };
  if (!Array.isArray(value))
    return fail(`${show(column)} is ${show(value)}, expected a list of messages, as JSON, JSONL and Parquet have them`);
  if (value.length === 0) return fail(`${show(column)} is an empty list, expected at least one message`);
  return value.map((message: unknown, index) =>
    messageOf(message, (problem) => fail(`message ${index + 1} of ${value.length} in ${show(column)} ${problem}`)),
  );
}

function messageOf(message: unknown, fail: (problem: string) => never): Message {
  if (typeof message !== 'object' || message === null || Array.isArray(message))
    return fail(`is ${show(message)}, expected an object with role and content`);
  // Columnar files have each field that any message of theirs has, null where this one has none.
  const fields = Object.fromEntries(
    Object.entries(message).filter(([, field]) => field !== null && field !== undefined),
  ) as Record<string, unknown>;
  const { role, content } = fields;
  if (!isRole(role)) return fail(`has the role ${show(role)}, expected one of ${ROLES.join(', ')}`);
  if (typeof content !== 'string') return fail(`has the content ${show(content)}, expected a string`);
  return { ...fields, role, content };
}

function isRole(role: unknown): role is Role {
  return (ROLES as readonly unknown[]).includes(role);
}
