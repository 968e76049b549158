/**
 * Runs TensorFlow graphs (the bytes of a SavedModel) in libtensorflow through the addon of `@tensorflow/tfjs-node` or
 * `@tensorflow/tfjs-node-gpu`.
 * @module
 */
export { environmentBuild, findAddon, loadBinding, type TensorflowBuild } from './binding.ts';
export { engineEnvironment, type EngineEnvironmentOptions } from './environment.ts';
export { EngineError, type EngineErrorCode } from './error.ts';
export { releaseMemory } from './release-memory.ts';
export { TensorflowSession, type HostTensor } from './session.ts';
