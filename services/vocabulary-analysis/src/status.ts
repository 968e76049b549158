import { status as grpcStatus } from '@grpc/grpc-js';
import { STORAGE_ERROR_CODES, type ErrorRule } from '@pemmican/rpc';

const { INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, RESOURCE_EXHAUSTED } = grpcStatus;

/** How errors of the libraries that an analysis is made of are told to clients. */
export const ERROR_RULES: readonly ErrorRule[] = [
  {
    name: 'StorageError',
    // A profile replaces what is there: this is a file in the place of its folder.
    codes: { ...STORAGE_ERROR_CODES, DESTINATION_EXISTS: INVALID_ARGUMENT, '*': INVALID_ARGUMENT },
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
