import { status as grpcStatus } from '@grpc/grpc-js';
import { STORAGE_ERROR_CODES, type ErrorRule } from '@pemmican/rpc';

const { INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION } = grpcStatus;

/** How errors of the libraries that a surgery is made of are told to clients. */
export const ERROR_RULES: readonly ErrorRule[] = [
  { name: 'StorageError', codes: { ...STORAGE_ERROR_CODES, '*': INVALID_ARGUMENT } },
  { name: 'SafetensorsError', codes: { MissingFile: NOT_FOUND, '*': INVALID_ARGUMENT } },
  {
    name: 'VocabularyError',
    codes: {
      INVALID_MANIFEST: INVALID_ARGUMENT,
      INVALID_PROFILE: INVALID_ARGUMENT,
      INVALID_TOKENIZER: INVALID_ARGUMENT,
      '*': FAILED_PRECONDITION,
    },
  },
  { name: 'ModelError', codes: { INVALID_CONFIG: INVALID_ARGUMENT, '*': FAILED_PRECONDITION } },
  {
    name: 'EmbeddingError',
    codes: {
      MISSING_FILE: NOT_FOUND,
      INVALID_CONFIG: INVALID_ARGUMENT,
      INVALID_OPTION: INVALID_ARGUMENT,
      '*': FAILED_PRECONDITION,
    },
  },
];
