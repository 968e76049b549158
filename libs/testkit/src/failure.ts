import { status as grpcStatus, type ServiceError } from '@grpc/grpc-js';
import { ErrorInfo, Status } from '@pemmican/contract/google';

/** What a client is told of a failure. */
export interface Failure {
  /** Name of the gRPC code, e.g. `INVALID_ARGUMENT`. */
  readonly code: string;
  /** Of the one ErrorInfo. */
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly message: string;
}

/** Code, reason, metadata and message of a google.rpc.Status, such as a failed run carries. */
export function describeStatus(status: Status): Failure {
  const infos = status.details.filter(({ typeUrl }) => typeUrl.endsWith('/google.rpc.ErrorInfo'));
  if (infos.length !== 1) throw new Error(`The status has ${infos.length} ErrorInfo, must have exactly one (AIP-193)`);
  const { reason, metadata } = ErrorInfo.decode(infos[0]?.value ?? new Uint8Array());
  return { code: grpcStatus[status.code] ?? '', reason, metadata, message: status.message };
}

/** The same of a call that was refused. */
export function refusalOf(error: unknown): Failure {
  const [details] = (error as ServiceError).metadata.get('grpc-status-details-bin');
  if (!(details instanceof Uint8Array)) throw new Error('The error has no details', { cause: error });
  return describeStatus(Status.decode(details));
}
