/**
 * The service embedding-surgery.
 * @module
 */
export { readConfig, type EmbeddingSurgeryConfig } from './config.ts';
export { createEmbeddingSurgeryService, type EmbeddingSurgeryService } from './service.ts';
