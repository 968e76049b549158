/**
 * Makes what pemmican runs on: TensorFlow under Node, models, data, the Python environment of the oracles; and says what
 * a machine has of it.
 * @module
 */
export { environmentBuild } from '@pemmican/engine';
export { ASSET_NAMES, type AssetName } from './asset-list.ts';
export { ensureAsset, findAsset } from './assets.ts';
export { cacheFolder } from './cache.ts';
export { collectDoctorReport, type DeviceReport, type DoctorReport, type TensorflowReport } from './doctor.ts';
export { SetupError, type SetupErrorCode } from './error.ts';
export { withLock } from '../lock.mjs';
export { ensurePythonEnvironment, findPythonEnvironment } from './python-environment.ts';
export { runCommand, type CommandOptions, type CommandOutcome } from './run-command.ts';
export type { SetupOptions } from './progress.ts';
export { TENSORFLOW_BUILDS, type Device } from './tensorflow-build.ts';
export { ensureTensorflow, isTensorflowReady } from './tensorflow.ts';
