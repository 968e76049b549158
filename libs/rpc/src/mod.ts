/**
 * gRPC as pemmican's services speak it: rich errors, streams with backpressure, health, reflection, graceful stop.
 * @module
 */
export { splitFileDescriptorSet } from './descriptor-set.ts';
export { toRpcError, toStatusObject, type ErrorRule } from './error-status.ts';
export { Handlers } from './handlers.ts';
export { LOG_LEVELS, createLogger, type LogLevel, type Logger } from './logger.ts';
export { readMask, type MaskedCodec } from './read-mask.ts';
export {
  ERROR_DOMAIN,
  FieldViolations,
  RpcError,
  invalidArgument,
  notFound,
  serviceStopping,
  type FieldViolation,
  type RpcErrorOptions,
} from './rpc-error.ts';
export { STORAGE_ERROR_CODES } from './storage-codes.ts';
export {
  MAX_RECEIVE_MESSAGE_BYTES,
  startServer,
  type HostedService,
  type RunningServer,
  type ServerSettings,
} from './server.ts';
export { READ_SCOPE, WRITE_SCOPE } from './security/web-tokens.ts';
export { SECURITY_VARIABLES, readServerSecurity, type ServerSecurity } from './security/settings.ts';
