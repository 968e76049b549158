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
      OUTSIDE_ROOTS: PERMISSION_DENIED,
      READ_ONLY: PERMISSION_DENIED,
      DISK_FULL: RESOURCE_EXHAUSTED,
      DOWNLOAD_FAILED: UNAVAILABLE,
      UPLOAD_FAILED: UNAVAILABLE,
      CHANGED_WHILE_READ: FAILED_PRECONDITION,
      '*': INVALID_ARGUMENT,
    },
  },
  { name: 'SafetensorsError', codes: { MissingFile: NOT_FOUND, '*': INVALID_ARGUMENT } },
  {
    name: 'EmbeddingError',
    codes: { MISSING_FILE: NOT_FOUND, INVALID_CONFIG: INVALID_ARGUMENT, '*': FAILED_PRECONDITION },
  },
  { name: 'TokenizerError', codes: { UNSUPPORTED_COMPONENT: FAILED_PRECONDITION, '*': INVALID_ARGUMENT } },
  { name: 'DatasetError', codes: { '*': INVALID_ARGUMENT } },
  { name: 'SequenceError', codes: { '*': FAILED_PRECONDITION } },
  {
    name: 'VocabularyError',
    codes: { INVALID_OPTION: INVALID_ARGUMENT, INVALID_PROFILE: INVALID_ARGUMENT, '*': FAILED_PRECONDITION },
  },
  { name: 'Error', codes: { ERR_WORKER_OUT_OF_MEMORY: RESOURCE_EXHAUSTED } },
];
