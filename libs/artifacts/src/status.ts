import { status as grpcStatus } from '@grpc/grpc-js';
import type { ErrorRule } from '@pemmican/rpc';

const { INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, PERMISSION_DENIED } = grpcStatus;

/** How errors of files and folders are told to clients. */
export const ERROR_RULES: readonly ErrorRule[] = [
  {
    name: 'StorageError',
    codes: {
      NOT_FOUND,
      ACCESS_DENIED: PERMISSION_DENIED,
      OUTSIDE_ROOTS: PERMISSION_DENIED,
      READ_ONLY: PERMISSION_DENIED,
      DISK_FULL: RESOURCE_EXHAUSTED,
      DESTINATION_EXISTS: FAILED_PRECONDITION,
      CHANGED_WHILE_READ: FAILED_PRECONDITION,
      NOT_A_FILE: INVALID_ARGUMENT,
      NOT_A_FOLDER: INVALID_ARGUMENT,
      INVALID_NAME: INVALID_ARGUMENT,
      TOO_MANY_FILES: INVALID_ARGUMENT,
    },
  },
];
