/**
 * What tests share: real models and data, a tiny model that is made on the spot, a collector of spans, a reader of failures.
 * @module
 */
export { CACHE_FOLDER, dataFile, modelFolder, oraclePython } from './cache.ts';
export { describeStatus, refusalOf, type Failure } from './failure.ts';
export { startSpanCollector, type CollectedSpan, type SpanCollector } from './span-collector.ts';
export { makeTinyDataset, makeTinyModel } from './tiny-model.ts';
