import { status as grpcStatus } from '@grpc/grpc-js';
import { STORAGE_ERROR_CODES, type ErrorRule } from '@pemmican/rpc';

const { INVALID_ARGUMENT } = grpcStatus;

/** How errors of files and folders are told to clients. */
export const ERROR_RULES: readonly ErrorRule[] = [
  {
    name: 'StorageError',
    codes: {
      ...STORAGE_ERROR_CODES,
      NOT_A_FILE: INVALID_ARGUMENT,
      NOT_A_FOLDER: INVALID_ARGUMENT,
      INVALID_NAME: INVALID_ARGUMENT,
      TOO_MANY_FILES: INVALID_ARGUMENT,
    },
  },
];
