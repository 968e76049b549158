import { randomUUID } from 'node:crypto';
import { Metadata, status as grpcStatus, type StatusObject } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, ResourceInfo, Status, type Any } from '@pemmican/contract/google';
import type { Logger } from './logger.ts';
import { RpcError } from './rpc-error.ts';

/** How one class of a library's errors is told to clients. */
export interface ErrorRule {
  /** `name` of the error class. */
  readonly name: string;
  /** gRPC code by the error's own `code`; `*` for all others. */
  readonly codes: Readonly<Record<string, number>>;
}

/**
 * The RpcError that tells a client of an error: itself, what a rule of the service says, or INTERNAL with nothing but an
 * incident number, under which the log has the rest.
 */
export function toRpcError(error: unknown, rules: readonly ErrorRule[], logger: Logger): RpcError {
  if (error instanceof RpcError) return error;
  if (error instanceof Error) {
    if (error.name === 'AbortError')
      return new RpcError({
        code: grpcStatus.CANCELLED,
        reason: 'CANCELLED',
        message: 'The call was cancelled',
        cause: error,
      });
    const ownCode =
      'code' in error && typeof error.code === 'string'
        ? error.code
        : 'reason' in error && typeof error.reason === 'string'
          ? error.reason
          : '*';
    const rule = rules.find((candidate) => candidate.name === error.name);
    const code = rule?.codes[ownCode] ?? rule?.codes['*'];
    if (code !== undefined)
      return new RpcError({
        code,
        reason: upperSnake(ownCode === '*' ? error.name : ownCode),
        message: error.message,
        metadata: metadataOf(error),
        ...retryDelayOf(error),
        cause: error,
      });
  }
  const incident = randomUUID();
  logger.error('internal error', {
    incident,
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return new RpcError({
    code: grpcStatus.INTERNAL,
    reason: 'INTERNAL',
    message: `Internal error; the service's log has it under incident ${incident}`,
    metadata: { incident },
    cause: error,
  });
}

/** The file at fault, which the libraries' errors carry as `path` or `fileName`. */
function metadataOf(error: Error): Record<string, string> {
  const file: unknown = 'path' in error ? error.path : 'fileName' in error ? error.fileName : undefined;
  return typeof file === 'string' ? { file } : {};
}

/** When to try again, which the libraries' errors carry as `retryDelayMs`. */
function retryDelayOf(error: Error): { retryDelayMs?: number } {
  return 'retryDelayMs' in error && typeof error.retryDelayMs === 'number' ? { retryDelayMs: error.retryDelayMs } : {};
}

/** `HeaderTooLarge` and `header-too-large` as `HEADER_TOO_LARGE`. */
function upperSnake(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase()
    .slice(0, 63);
}

// A trailer of more than 8 kB is refused by many proxies, and a block of headers of 64 kB by gRPC itself: then the client sees no
// error at all. The text travels twice, percent-encoded and in the details.
const MAX_MESSAGE_LENGTH = 2000;
const MAX_ENCODED_MESSAGE_LENGTH = 3000;
const MAX_TEXT_LENGTH = 400;
const MAX_VIOLATION_TEXT_LENGTH = 2000;

/** An RpcError as what grpc-js sends: code, text and the rich status in the trailers, whatever the request had made them of. */
export function toStatusObject(error: RpcError): StatusObject {
  const status = error.toStatus();
  const message = shortMessage(status.message);
  const details = status.details.map(shortDetail);
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(Status.encode({ ...status, message, details }).finish()));
  return { code: status.code, details: message, metadata };
}

/** grpc-js percent-encodes the text, and throws past every handler at half of a surrogate pair. */
function shortMessage(text: string): string {
  let end = Math.min(text.length, MAX_MESSAGE_LENGTH);
  while (encodeURI(text.slice(0, end).toWellFormed()).length > MAX_ENCODED_MESSAGE_LENGTH) end = Math.floor(end * 0.8);
  return cut(text, end);
}

function cut(text: string, length: number): string {
  return (text.length > length ? `${text.slice(0, length)}...` : text).toWellFormed();
}

/** A detail with whatever a request can make long in it cut: the names of fields and files, and how many there are. */
function shortDetail(detail: Any): Any {
  const { typeUrl, value } = detail;
  const short = (text: string): string => cut(text, MAX_TEXT_LENGTH);
  if (typeUrl.endsWith('/google.rpc.BadRequest')) {
    const { fieldViolations } = BadRequest.decode(value);
    let room = MAX_VIOLATION_TEXT_LENGTH;
    const told = fieldViolations
      .map((violation) => ({ ...violation, field: short(violation.field), description: short(violation.description) }))
      .filter((violation) => (room -= violation.field.length + violation.description.length) > 0);
    return { typeUrl, value: Buffer.from(BadRequest.encode({ fieldViolations: told }).finish()) };
  }
  if (typeUrl.endsWith('/google.rpc.ErrorInfo')) {
    const info = ErrorInfo.decode(value);
    const metadata = Object.fromEntries(Object.entries(info.metadata).map(([key, text]) => [key, short(text)]));
    return { typeUrl, value: Buffer.from(ErrorInfo.encode({ ...info, metadata }).finish()) };
  }
  if (typeUrl.endsWith('/google.rpc.ResourceInfo')) {
    const info = ResourceInfo.decode(value);
    const named = { ...info, resourceName: short(info.resourceName), description: short(info.description) };
    return { typeUrl, value: Buffer.from(ResourceInfo.encode(named).finish()) };
  }
  return detail;
}
