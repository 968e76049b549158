/**
 * What tests share: where real models and data are.
 * @module
 */
export { dataFile, modelFolder, oraclePython } from './cache.ts';
