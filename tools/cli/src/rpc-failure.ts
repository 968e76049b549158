import { BadRequest, ErrorInfo, Help, PreconditionFailure, ResourceInfo, Status } from '@pemmican/contract/google';
import type { Any } from '@pemmican/contract/google';

/** A failure that a service told: a call that was refused, or a job that ended as FAILED. */
export class RpcFailure extends Error {
  override readonly name = 'RpcFailure';
  /** gRPC status code. */
  readonly code: number;
  /** ErrorInfo's reason, UPPER_SNAKE; empty when the service gave none. */
  readonly reason: string;
  /** What is wrong, field by field; links to help. */
  readonly details: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;

  constructor(status: Status, options: { readonly service: string; readonly cause?: unknown }) {
    super(status.message === '' ? `${options.service} failed` : status.message, { cause: options.cause });
    const info = unpack(status.details, 'google.rpc.ErrorInfo', ErrorInfo)[0];
    this.code = status.code;
    this.reason = info?.reason ?? '';
    this.metadata = { service: options.service, ...info?.metadata };
    this.details = describeDetails(status.details);
  }
}

/** The part of a generated message's functions that unpacking takes. */
interface Decoder<Message> {
  decode(bytes: Uint8Array): Message;
}

function unpack<Message>(details: readonly Any[], typeName: string, decoder: Decoder<Message>): Message[] {
  return details
    .filter((detail) => detail.typeUrl.endsWith(`/${typeName}`))
    .flatMap((detail) => {
      try {
        return [decoder.decode(detail.value)];
      } catch {
        // A detail that cannot be read only makes the message poorer.
        return [];
      }
    });
}

function describeDetails(details: readonly Any[]): string[] {
  const fields = unpack(details, 'google.rpc.BadRequest', BadRequest).flatMap((entry) =>
    entry.fieldViolations.map((violation) => `${violation.field}: ${violation.description}`),
  );
  const preconditions = unpack(details, 'google.rpc.PreconditionFailure', PreconditionFailure).flatMap((entry) =>
    entry.violations.map((violation) => `${violation.subject}: ${violation.description}`),
  );
  const resources = unpack(details, 'google.rpc.ResourceInfo', ResourceInfo)
    .filter((entry) => entry.description !== '')
    .map((entry) => `${entry.resourceName}: ${entry.description}`);
  const links = unpack(details, 'google.rpc.Help', Help).flatMap((entry) =>
    entry.links.map((link) => `${link.description}: ${link.url}`),
  );
  return [...new Set([...fields, ...preconditions, ...resources, ...links])];
}

/** What grpc-js rejects a call with. */
interface ServiceError extends Error {
  readonly code: number;
  readonly details: string;
  readonly metadata?: { get(key: string): (string | Buffer)[] };
}

/** Whether a value is what grpc-js rejects a call with. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}

/** Turns what grpc-js rejects a call with into an {@link RpcFailure}; anything else stays as it is. */
export function toRpcFailure<Other>(error: Other, service: string): Other | RpcFailure {
  if (!isServiceError(error)) return error;
  const fallback: Status = { code: error.code, message: error.details, details: [] };
  return new RpcFailure(richStatus(error) ?? fallback, { service, cause: error });
}

function richStatus(error: ServiceError): Status | undefined {
  const value = error.metadata?.get('grpc-status-details-bin')[0];
  if (value === undefined || typeof value === 'string') return undefined;
  try {
    const status = Status.decode(value);
    return status.code === error.code ? status : undefined;
  } catch {
    return undefined;
  }
}
