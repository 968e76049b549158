import { status as grpcStatus } from '@grpc/grpc-js';
import type { Any, Status } from '@pemmican/contract/google';
import { BadRequest, ErrorInfo, ResourceInfo, RetryInfo } from '@pemmican/contract/google';

/** Domain of every ErrorInfo (AIP-193). */
export const ERROR_DOMAIN = 'pemmican';

/** A field of a request that is not as it must be. */
export interface FieldViolation {
  /** Path in proto names, e.g. `spec.options.learning_rate`. */
  readonly field: string;
  readonly description: string;
}

export interface RpcErrorOptions {
  readonly code: number;
  /** UPPER_SNAKE, at most 63 characters; stable, for programs. */
  readonly reason: string;
  /** For people; names the file, the value and the limit. */
  readonly message: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly fieldViolations?: readonly FieldViolation[];
  readonly resource?: { readonly type: string; readonly name: string };
  /** When to try again. */
  readonly retryDelayMs?: number;
  readonly cause?: unknown;
}

/** A failure that a client is told as it is, with exactly one ErrorInfo (AIP-193). */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number;
  readonly reason: string;
  readonly options: RpcErrorOptions;

  constructor(options: RpcErrorOptions) {
    super(options.message, { cause: options.cause });
    this.code = options.code;
    this.reason = options.reason;
    this.options = options;
  }

  /** The failure as google.rpc.Status. */
  toStatus(): Status {
    const { code, reason, message, metadata = {}, fieldViolations = [], resource, retryDelayMs } = this.options;
    const details = [
      pack('google.rpc.ErrorInfo', ErrorInfo.encode({ reason, domain: ERROR_DOMAIN, metadata }).finish()),
    ];
    if (fieldViolations.length > 0) {
      const violations = fieldViolations.map(({ field, description }) => ({
        field,
        description,
        reason: '',
        localizedMessage: undefined,
      }));
      details.push(pack('google.rpc.BadRequest', BadRequest.encode({ fieldViolations: violations }).finish()));
    }
    if (resource !== undefined) {
      details.push(
        pack(
          'google.rpc.ResourceInfo',
          ResourceInfo.encode({
            resourceType: resource.type,
            resourceName: resource.name,
            owner: '',
            description: message,
          }).finish(),
        ),
      );
    }
    if (retryDelayMs !== undefined) {
      const retryDelay = { seconds: Math.floor(retryDelayMs / 1000), nanos: (retryDelayMs % 1000) * 1_000_000 };
      details.push(pack('google.rpc.RetryInfo', RetryInfo.encode({ retryDelay }).finish()));
    }
    return { code, message, details };
  }
}

function pack(typeName: string, value: Uint8Array): Any {
  return { typeUrl: `type.googleapis.com/${typeName}`, value: Buffer.from(value) };
}

/** INVALID_ARGUMENT with every field that is wrong. */
export function invalidArgument(fieldViolations: readonly FieldViolation[]): RpcError {
  return new RpcError({
    code: grpcStatus.INVALID_ARGUMENT,
    reason: 'INVALID_FIELD',
    message: fieldViolations.map(({ field, description }) => `${field}: ${description}`).join('; '),
    fieldViolations,
  });
}

/** NOT_FOUND for a resource name. */
export function notFound(type: string, name: string): RpcError {
  return new RpcError({
    code: grpcStatus.NOT_FOUND,
    reason: 'RESOURCE_NOT_FOUND',
    message: `There is no "${name}"`,
    resource: { type, name },
  });
}

const STOPPING_RETRY_DELAY_MS = 1000;

/**
 * UNAVAILABLE for calls that are under way when the service stops.
 * @param advice how the caller goes on
 */
export function serviceStopping(advice: string): RpcError {
  return new RpcError({
    code: grpcStatus.UNAVAILABLE,
    reason: 'SERVICE_STOPPING',
    message: `The service is stopping; ${advice}`,
    retryDelayMs: STOPPING_RETRY_DELAY_MS,
  });
}

/** Collects what is wrong with a request, so that a client learns all of it at once. */
export class FieldViolations {
  readonly #violations: FieldViolation[] = [];

  add(field: string, description: string): void {
    this.#violations.push({ field, description });
  }

  /** Adds a violation unless `isRight`. */
  check(isRight: boolean, field: string, description: string): void {
    if (!isRight) this.add(field, description);
  }

  /** @throws RpcError INVALID_ARGUMENT when there is any */
  throwIfAny(): void {
    if (this.#violations.length > 0) throw invalidArgument(this.#violations);
  }
}
