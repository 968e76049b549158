import { status as grpcStatus } from '@grpc/grpc-js';
import type { Status } from '@pemmican/contract/google';
import { STORAGE_ERROR_CODES, createLogger, toRpcError, type ErrorRule } from '@pemmican/rpc';

const {
  INVALID_ARGUMENT,
  NOT_FOUND,
  FAILED_PRECONDITION,
  RESOURCE_EXHAUSTED,
  PERMISSION_DENIED,
  UNAVAILABLE,
  OUT_OF_RANGE,
} = grpcStatus;

/** How errors of the libraries that a run is made of are told to clients. */
export const ERROR_RULES: readonly ErrorRule[] = [
  { name: 'StorageError', codes: { ...STORAGE_ERROR_CODES, '*': INVALID_ARGUMENT } },
  { name: 'SafetensorsError', codes: { MissingFile: NOT_FOUND, '*': INVALID_ARGUMENT } },
  { name: 'TokenizerError', codes: { UNSUPPORTED_COMPONENT: FAILED_PRECONDITION, '*': INVALID_ARGUMENT } },
  { name: 'DatasetError', codes: { '*': INVALID_ARGUMENT } },
  { name: 'SequenceError', codes: { '*': FAILED_PRECONDITION } },
  { name: 'VocabularyError', codes: { INVALID_MANIFEST: INVALID_ARGUMENT, '*': FAILED_PRECONDITION } },
  {
    name: 'ModelError',
    codes: { INVALID_CONFIG: INVALID_ARGUMENT, UNKNOWN_PARAMETER: INVALID_ARGUMENT, '*': FAILED_PRECONDITION },
  },
  {
    name: 'TrainingError',
    codes: {
      INVALID_OPTION: INVALID_ARGUMENT,
      INVALID_DATA: INVALID_ARGUMENT,
      NON_FINITE_LOSS: OUT_OF_RANGE,
      INVALID_CHECKPOINT: INVALID_ARGUMENT,
      '*': FAILED_PRECONDITION,
    },
  },
  {
    name: 'EmbeddingError',
    codes: { MISSING_FILE: NOT_FOUND, INVALID_CONFIG: INVALID_ARGUMENT, '*': FAILED_PRECONDITION },
  },
  { name: 'PreconditionError', codes: { INVALID_JSON: INVALID_ARGUMENT, '*': FAILED_PRECONDITION } },
  {
    name: 'EngineError',
    codes: { OUT_OF_MEMORY: RESOURCE_EXHAUSTED, UNAVAILABLE: FAILED_PRECONDITION, NON_FINITE: OUT_OF_RANGE },
  },
  { name: 'NvmlError', codes: { '*': UNAVAILABLE } },
];

// Node's own errors of files that were opened without a library of ours (metrics, lock).
const SYSTEM_CODES: Readonly<Record<string, number>> = {
  ENOENT: NOT_FOUND,
  EACCES: PERMISSION_DENIED,
  EROFS: PERMISSION_DENIED,
  ENOSPC: RESOURCE_EXHAUSTED,
  EDQUOT: RESOURCE_EXHAUSTED,
  ENOTDIR: INVALID_ARGUMENT,
};

/** The google.rpc.Status that tells a client of an error. */
export function toStatus(error: unknown): Status {
  const rules = [...ERROR_RULES, { name: 'Error', codes: SYSTEM_CODES }];
  return toRpcError(error, rules, createLogger('trainer', 'error')).toStatus();
}
