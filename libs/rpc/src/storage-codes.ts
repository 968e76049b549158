import { status as grpcStatus } from '@grpc/grpc-js';

const { NOT_FOUND, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, PERMISSION_DENIED, UNAVAILABLE } = grpcStatus;

/** The codes by which every service tells errors of files and folders, `StorageError` of `@pemmican/storage`; the rest is the request's fault. */
export const STORAGE_ERROR_CODES = {
  NOT_FOUND,
  ACCESS_DENIED: PERMISSION_DENIED,
  OUTSIDE_ROOTS: PERMISSION_DENIED,
  READ_ONLY: PERMISSION_DENIED,
  DISK_FULL: RESOURCE_EXHAUSTED,
  DESTINATION_EXISTS: FAILED_PRECONDITION,
  DOWNLOAD_FAILED: UNAVAILABLE,
  UPLOAD_FAILED: UNAVAILABLE,
  CHANGED_WHILE_READ: FAILED_PRECONDITION,
} as const;
