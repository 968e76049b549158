import { RunStoreError } from './error.ts';

// Tokens are opaque to clients; the leading letter keeps the two kinds from being mistaken for each other.
const encode = (kind: 'p' | 'r', parts: readonly (string | number)[]): string =>
  Buffer.from([kind, ...parts].join(' ')).toString('base64url');
const decode = (token: string): string[] => Buffer.from(token, 'base64url').toString('utf8').split(' ');

function isCount(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,15}$/.test(text);
}

/** Token of the page that begins after the resource with this row number. */
export function pageToken(beforeRow: number): string {
  return encode('p', [beforeRow]);
}

/** @throws RunStoreError INVALID_PAGE_TOKEN */
export function parsePageToken(token: string): number {
  const [kind, row, ...rest] = decode(token);
  if (kind !== 'p' || !isCount(row) || rest.length > 0)
    throw new RunStoreError('INVALID_PAGE_TOKEN', `Page token "${token}" is not one of this method's`);
  return Number(row);
}

/** Token that continues a watch after an event. */
export function resumeToken(uid: string, sequence: number): string {
  return encode('r', [uid, sequence]);
}

/** @throws RunStoreError INVALID_RESUME_TOKEN for garbage, another resource's token, or one past the last event */
export function parseResumeToken(token: string, uid: string, lastSequence: number): number {
  const [kind, tokenUid, sequence, ...rest] = decode(token);
  const isValid =
    kind === 'r' && tokenUid === uid && isCount(sequence) && rest.length === 0 && Number(sequence) <= lastSequence;
  if (!isValid)
    throw new RunStoreError('INVALID_RESUME_TOKEN', `Resume token "${token}" does not belong to this resource`);
  return Number(sequence);
}
