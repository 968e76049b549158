/**
 * What tests share: real models and data, a tiny model that is made on the spot, a collector of spans, a reader of failures.
 * @module
 */
export { callMethod, callNamed, callRaw, type CalledMethod } from './any-call.ts';
export { CACHE_FOLDER, dataFile, modelFolder, oraclePython } from './cache.ts';
export { CuttingProxy, type Cut } from './cutting-proxy.ts';
export { jobErrorCases, statusOfRefusal, testErrors, toldBy, type ErrorCase } from './error-cases.ts';
export { readErrorsDocument, type ErrorLine } from './errors-document.ts';
export { describeStatus, refusalOf, type Failure } from './failure.ts';
export { followEvents, isServiceGone, type Followed, type FollowedEvent, type FollowOptions } from './follow-events.ts';
export { freePort } from './free-port.ts';
export { ModelVariants, safetensorsOf } from './model-variants.ts';
export { endProcess, forkService, type ServiceProcess } from './service-process.ts';
export {
  startOtlpReceiver,
  type CollectedLog,
  type CollectedMetric,
  type CollectedSpan,
  type OtlpReceiver,
} from './otlp-receiver.ts';
export { makeTinyDataset, makeTinyModel } from './tiny-model.ts';
export { S3TestServer } from './s3-server.ts';
