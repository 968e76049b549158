import { status as grpcStatus } from '@grpc/grpc-js';
import type { ErrorRule } from '@pemmican/rpc';

const { INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, RESOURCE_EXHAUSTED, PERMISSION_DENIED, UNAVAILABLE } =
  grpcStatus;

/** How errors of the libraries that an analysis is made of are told to clients. */
export const ERROR_RULES: readonly ErrorRule[] = [
  {
    name: 'StorageError',
    codes: {
      NOT_FOUND,
      ACCESS_DENIED: PERMISSION_DENIED,
      READ_ONLY: PERMISSION_DENIED,
      DISK_FULL: RESOURCE_EXHAUSTED,
      DOWNLOAD_FAILED: UNAVAILABLE,
      '*': INVALID_ARGUMENT,
    },
  },
  { name: 'TokenizerError', codes: { '*': INVALID_ARGUMENT } },
  { name: 'DatasetError', codes: { '*': INVALID_ARGUMENT } },
  { name: 'VocabularyError', codes: { INVALID_OPTION: INVALID_ARGUMENT, '*': FAILED_PRECONDITION } },
];
