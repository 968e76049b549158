/**
 * Resources and their events on disk: idempotent creation, pages, and watches that miss and repeat nothing.
 * @module
 */
export { RunStoreError, type RunStoreErrorCode } from './error.ts';
export { tryLockFile } from './file-lock.ts';
export { RunStore, type NewResource, type ResourceUpdate, type StoredEvent, type StoredResource } from './run-store.ts';
